// What the user typed in the record dialog; kept in the project, or in the user's settings without
// one.
#pragma once

#include <QString>

#include "app/runs/record_job.h"
#include "core/base/result.h"

namespace caracal::ui {

struct RecordSettings {
  QString command;
  QString folder;  // empty: nextRecordFolder()
  uint32_t kinds = recorder::kDefaultKinds;
  QString steps;        // "10-13"
  double seconds = 0;   // 0: until the command ends
  QString environment;  // NAME=value, one a line
  bool operator==(const RecordSettings&) const = default;
};

QString toJson(const RecordSettings& settings);
// What cannot be read keeps its default.
RecordSettings recordSettingsFromJson(const QString& text);

// In the user's data, with the next number that is free.
QString nextRecordFolder();

// The words of the command that records this. Fails in words.
Result<std::vector<std::string>> recordWords(const RecordSettings& settings,
                                             const QString& caracal);

}  // namespace caracal::ui
