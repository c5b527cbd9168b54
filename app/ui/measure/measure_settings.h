// What the user chose in the measure panel; kept in the project, or in the user's settings without
// one.
#pragma once

#include <QString>

#include "app/runs/measure_job.h"
#include "core/base/result.h"

namespace caracal::ui {

struct MeasureSettings {
  QString clock;  // "wall", "virtual"; empty: caracal-run's choice
  int steps = 5;
  // As caracal-run reads a link, "200us,2GB/s"; empty: the profile's.
  QString tensorLink, pipelineLink, dataLink;
  QString folder;          // for recordings; empty: defaultMeasureFolder()
  QString backend;         // "cuda"; empty: the CPU
  bool processes = false;  // ranks are processes under mpirun, not threads
  bool operator==(const MeasureSettings&) const = default;
};

QString toJson(const MeasureSettings& settings);
// What cannot be read keeps its default.
MeasureSettings measureSettingsFromJson(const QString& text);

// The user's data, never beside a trace.
QString defaultMeasureFolder();

// The files of one measurement: "<policy>-<number>" with the next number that is free in the
// folder.
struct MeasureFiles {
  QString profile, plan, recording;  // paths
  bool operator==(const MeasureFiles&) const = default;
};
MeasureFiles nextMeasureFiles(const MeasureSettings& settings, const QString& policy);

// The job as it will run. Fails where a link cannot be read.
Result<runs::MeasureJob> measureJob(const MeasureSettings& settings, const MeasureFiles& files);

}  // namespace caracal::ui
