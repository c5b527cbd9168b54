// Traces without stages side by side: the figures that every trace of GPU work has.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "core/analysis/figures.h"
#include "core/trace/trace.h"

namespace caracal::cli {

// One trace: its devices' figures and their means.
struct DeviceRun {
  std::string name;  // the path
  trace::Tag tag = trace::Tag::kMeasured;
  std::vector<analysis::DeviceFigures> devices;
  analysis::DeviceFigures mean;  // of times over the devices, overlap from the mean times
};

DeviceRun deviceRun(const std::string& path, const trace::Trace& trace,
                    const analysis::CommNames& names);

// {"runs": [...], "cautions": [...]} as comparisonJson(), with times as means over devices.
// REQUIRES at least one run.
nlohmann::ordered_json deviceComparisonJson(const std::vector<DeviceRun>& runs);
// One row per run, with its change against the first. REQUIRES at least one run.
std::string deviceComparisonText(const std::vector<DeviceRun>& runs);

}  // namespace caracal::cli
