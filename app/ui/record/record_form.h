// The fields of the recording dialog: what to run, where to put the recording, what to record of
// it.
#pragma once

#include <QWidget>
#include <cstdint>
#include <utility>
#include <vector>

#include "app/ui/record/record_settings.h"

class QCheckBox;
class QDoubleSpinBox;
class QFormLayout;
class QGridLayout;
class QHBoxLayout;
class QLineEdit;
class QPlainTextEdit;

namespace caracal::ui {

class RecordForm : public QWidget {
  Q_OBJECT
 public:
  explicit RecordForm(QWidget* parent = nullptr);
  void setSettings(const RecordSettings& settings);
  RecordSettings settings() const;
  // Where the recording goes while no folder is named.
  void setNextFolder(const QString& folder);

 signals:
  void changed();

 private:
  QHBoxLayout* makeFolder();
  QGridLayout* makeKinds();
  void connectFields();

  QLineEdit* m_command;
  QLineEdit* m_folder;
  std::vector<std::pair<uint32_t, QCheckBox*>> m_kinds;  // by bit of core/recorder/options.h
  QLineEdit* m_steps;
  QDoubleSpinBox* m_seconds;
  QPlainTextEdit* m_environment;
};

}  // namespace caracal::ui
