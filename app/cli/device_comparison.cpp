#include "app/cli/device_comparison.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "app/cli/figures_json.h"
#include "core/analysis/run_summary.h"
#include "core/base/format.h"

namespace caracal::cli {
namespace {

using analysis::changePct;
using analysis::DeviceFigures;
using nlohmann::ordered_json;

constexpr int64_t DeviceFigures::*kTimes[] = {
    &DeviceFigures::spanNs, &DeviceFigures::busyNs,        &DeviceFigures::computeNs,
    &DeviceFigures::commNs, &DeviceFigures::exposedCommNs, &DeviceFigures::idleNs};

DeviceFigures meanOf(const std::vector<DeviceFigures>& devices) {
  DeviceFigures mean;
  if (devices.empty()) return mean;
  for (const auto time : kTimes) {
    for (const DeviceFigures& device : devices) mean.*time += device.*time;
    mean.*time /= static_cast<int64_t>(devices.size());
  }
  if (mean.commNs > 0) {
    mean.overlapPct = 100.0 * static_cast<double>(mean.commNs - mean.exposedCommNs) /
                      static_cast<double>(mean.commNs);
  }
  return mean;
}

std::vector<std::string> cautionsOf(const std::vector<DeviceRun>& runs) {
  std::vector<std::string> texts;
  for (const DeviceRun& run : runs) {
    if (run.devices.size() != runs.front().devices.size()) {
      texts.push_back(fmt::format("{} has {} devices, {} has {}", runs.front().name,
                                  runs.front().devices.size(), run.name, run.devices.size()));
    }
    if (run.tag != runs.front().tag) {
      texts.push_back(fmt::format("{} is {}, {} is {}", runs.front().name,
                                  trace::name(runs.front().tag), run.name, trace::name(run.tag)));
    }
  }
  return texts;
}

std::string withChange(int64_t first, int64_t value, bool isFirst) {
  const std::string text = formatDuration(value);
  return isFirst || first == 0 ? text
                               : fmt::format("{} ({:+.1f} %)", text, changePct(first, value));
}

}  // namespace

DeviceRun deviceRun(const std::string& path, const trace::Trace& trace,
                    const analysis::CommNames& names) {
  DeviceRun run{path, trace.tag(), analysis::deviceFigures(trace, names), {}};
  run.mean = meanOf(run.devices);
  return run;
}

ordered_json deviceComparisonJson(const std::vector<DeviceRun>& runs) {
  ordered_json json{{"runs", ordered_json::array()}, {"cautions", cautionsOf(runs)}};
  for (const DeviceRun& run : runs) {
    ordered_json row{{"name", run.name}, {"tag", trace::name(run.tag)}};
    row["mean"] = figuresJson(run.mean);
    row["change"] = {
        {"spanPct", changePct(runs.front().mean.spanNs, run.mean.spanNs)},
        {"busyPct", changePct(runs.front().mean.busyNs, run.mean.busyNs)},
        {"exposedCommPct", changePct(runs.front().mean.exposedCommNs, run.mean.exposedCommNs)}};
    row["ranks"] = ordered_json::array();
    for (const DeviceFigures& device : run.devices) row["ranks"].push_back(rankFiguresJson(device));
    json["runs"].push_back(std::move(row));
  }
  return json;
}

std::string deviceComparisonText(const std::vector<DeviceRun>& runs) {
  TextTable table{{"mean over devices", "devices", "span", "busy", "compute", "comm",
                   "exposed comm", "overlap", "idle"},
                  {}};
  const DeviceFigures& first = runs.front().mean;
  for (const DeviceRun& run : runs) {
    const bool isFirst = &run == &runs.front();
    const auto cell = [&](int64_t DeviceFigures::*time) {
      return withChange(first.*time, run.mean.*time, isFirst);
    };
    table.rows.push_back({fmt::format("{} ({})", run.name, trace::name(run.tag)),
                          std::to_string(run.devices.size()), cell(&DeviceFigures::spanNs),
                          cell(&DeviceFigures::busyNs), cell(&DeviceFigures::computeNs),
                          cell(&DeviceFigures::commNs), cell(&DeviceFigures::exposedCommNs),
                          formatPercent(run.mean.overlapPct), cell(&DeviceFigures::idleNs)});
  }
  std::string text = table.render();
  for (const std::string& caution : cautionsOf(runs)) text += "mind: " + caution + '\n';
  return text;
}

}  // namespace caracal::cli
