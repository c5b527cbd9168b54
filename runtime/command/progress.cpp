#include "runtime/command/progress.h"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <nlohmann/json.hpp>
#include <string_view>
#include <vector>

#include "core/device/devices.h"
#include "runtime/comm/processes.h"

namespace caracal::command {
namespace {

using Json = nlohmann::ordered_json;

Result<void> writeLine(const Json& event) {
  const std::string line = event.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
  const bool written =
      std::fwrite(line.data(), 1, line.size(), stdout) == line.size() && std::fflush(stdout) == 0;
  if (!written) return fail(ErrorCode::kIo, "nobody reads the progress on stdout any more");
  return {};
}

std::string_view codeName(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalidInput:
      return "invalidInput";
    case ErrorCode::kNotFound:
      return "notFound";
    case ErrorCode::kIo:
      return "io";
    case ErrorCode::kUnsupported:
      return "unsupported";
    case ErrorCode::kInfeasible:
      return "infeasible";
    case ErrorCode::kCannotAnswer:
      return "cannotAnswer";
    case ErrorCode::kCancelled:
      return "cancelled";
    case ErrorCode::kOutOfMemory:
      return "outOfMemory";
  }
  return "unknown";
}

int64_t medianStepNs(const std::vector<executor::StepReport>& steps) {
  std::vector<int64_t> durations;
  for (size_t i = steps.size() > 1 ? 1 : 0; i < steps.size(); ++i)
    durations.push_back(steps[i].span.lengthNs());
  if (durations.empty()) return 0;
  const auto middle = durations.begin() + static_cast<int64_t>(durations.size() / 2);
  std::nth_element(durations.begin(), middle, durations.end());
  return *middle;
}

std::vector<int64_t> peaksByRank(const std::vector<recording::MemoryRow>& samples) {
  std::vector<int64_t> peaks;
  for (const recording::MemoryRow& sample : samples) {
    const auto rank = static_cast<size_t>(sample.rank);
    if (rank >= peaks.size()) peaks.resize(rank + 1);
    peaks[rank] = std::max(peaks[rank], sample.bytes);
  }
  return peaks;
}

Json rankJson(const executor::RankSummary& rank) {
  return {{"rank", rank.position.rank},      {"stage", rank.position.stage},
          {"peakBytes", rank.peakBytes},     {"reservedBytes", rank.reservedBytes},
          {"staticBytes", rank.staticBytes}, {"workspaceBytes", rank.workspaceBytes}};
}

Json linksJson(const std::vector<executor::RankSummary>& ranks,
               const std::vector<executor::LinkFigures>& links) {
  int64_t waits = 0;
  int64_t totalNs = 0;
  int64_t worstNs = 0;
  for (const executor::RankSummary& rank : ranks) {
    waits += rank.overshoot.waits;
    totalNs += rank.overshoot.totalNs;
    worstNs = std::max(worstNs, rank.overshoot.worstNs);
  }
  Json json{
      {"waits", waits}, {"meanLateNs", waits > 0 ? totalNs / waits : 0}, {"worstLateNs", worstNs}};
  for (const executor::LinkFigures& of : links) {
    json[of.link] = {{"transfers", of.transfers},
                     {"medianRatio", of.medianRatio},
                     {"worstRatio", of.worstRatio}};
  }
  return json;
}

}  // namespace

Result<void> announceAbilities() {
  const auto report = device::queryCuda();
  Json devices = Json::array();
  if (report) {
    for (const device::Device& gpu : report->devices) devices.push_back(gpu.name);
  }
  const std::string whyNoCuda = report ? report->problem : report.error().text();
  const char* whyNoProcesses = comm::hasMpi() ? "" : "this caracal-run was built without MPI";
  return writeLine({{"event", "abilities"},
                    {"cuda", {{"problem", whyNoCuda}, {"devices", devices}}},
                    {"processes", {{"problem", whyNoProcesses}}}});
}

Result<void> announceStart(const executor::Job& job, const executor::RunOptions& options,
                           const std::map<std::string, std::string>& meta,
                           const StartNotes& notes) {
  const profile::ParallelShape& parallel = job.model.parallel;
  return writeLine({{"event", "start"},
                    {"runId", meta.at("runId")},
                    {"clock", meta.at("clock")},
                    {"tag", meta.at("tag")},
                    {"model", job.model.name},
                    {"policy", job.plan.policy},
                    {"planHash", job.planHash},
                    {"ranks", parallel.ranks()},
                    {"tp", parallel.tensor},
                    {"pp", parallel.pipeline},
                    {"dp", parallel.data},
                    {"microBatches", parallel.microBatches},
                    {"partition", job.plan.partition()},
                    {"steps", options.steps},
                    {"record", notes.record},
                    {"launcher", notes.launcher}});
}

Result<void> announceStep(const executor::StepReport& step, const recording::StepRecords& records) {
  return writeLine({{"event", "step"},
                    {"step", step.step},
                    {"loss", step.loss},
                    {"stepNs", step.span.lengthNs()},
                    {"peakBytes", step.peakBytes},
                    {"rankPeakBytes", peaksByRank(records.memory)}});
}

Result<void> announceWarning(const std::string& message) {
  return writeLine({{"event", "warning"}, {"message", message}});
}

Result<void> announceEnd(const executor::RunOptions& options, const executor::RunSummary& summary,
                         const std::vector<executor::LinkFigures>& links) {
  Json ranks = Json::array();
  for (const executor::RankSummary& rank : summary.ranks) ranks.push_back(rankJson(rank));
  Json event{{"event", "end"},
             {"steps", summary.steps.size()},
             {"stopped", summary.signal != 0 ? "signal" : "allSteps"},
             {"loss", summary.steps.back().loss},
             {"stepNs", medianStepNs(summary.steps)},
             {"peakBytes", summary.steps.back().peakBytes},
             {"ranks", std::move(ranks)}};
  if (summary.signal != 0) {
    event["signal"] = fmt::format("SIG{}", sigabbrev_np(summary.signal));
    event["signalledRank"] = options.processes != nullptr ? summary.signalledRank : -1;
  }
  if (options.clock == comm::ClockKind::kWall) event["links"] = linksJson(summary.ranks, links);
  return writeLine(event);
}

void announceError(const Error& error) {
  // When even this cannot be written, stderr below is all that is left.
  static_cast<void>(
      writeLine({{"event", "error"}, {"code", codeName(error.code)}, {"message", error.text()}}));
  fmt::print(stderr, "caracal-run: {}\n", error.text());
}

}  // namespace caracal::command
