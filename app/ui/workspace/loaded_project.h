// A `.caracal` project as the program opens it: documents parsed, traces loaded. Made off the GUI
// thread; knows no Qt.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "app/ui/workspace/loaded_run.h"
#include "core/base/progress.h"
#include "core/base/result.h"
#include "core/plan/plan.h"
#include "core/profile/profile.h"

namespace caracal::ui {

// View state that the window keeps in a project.
inline constexpr const char* kMeasureState = "measure";  // measure_settings.h
inline constexpr const char* kRecordState = "record";    // record_settings.h

struct ProjectPlan {
  int64_t id = 0;
  std::string name;
  plan::Plan plan;
};

struct LoadedProject {
  std::string path;
  bool writable = true;
  std::vector<std::shared_ptr<const LoadedRun>> runs;  // runs, then measurements
  int64_t profileId = 0;
  std::shared_ptr<const profile::Profile> profile;  // the newest; null: none
  std::vector<ProjectPlan> plans;                   // of that profile, oldest first
  std::vector<std::string> notes;
  std::map<std::string, std::string> state;  // of the keys below, where they are there
  std::vector<Error> problems;               // items that could not be read; the rest is there
};

Result<LoadedProject> loadProject(const std::string& path, std::stop_token stop,
                                  const Progress& progress);

}  // namespace caracal::ui
