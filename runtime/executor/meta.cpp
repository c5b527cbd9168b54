#include "runtime/executor/meta.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <ctime>
#include <fstream>

#include "core/base/format.h"

namespace caracal::executor {
namespace {

// "20260131T120000Z-4711": when the run began, and its process.
std::string makeRunId() {
  const std::time_t now = std::time(nullptr);
  std::tm utc{};
  gmtime_r(&now, &utc);
  std::array<char, 32> text{};
  std::strftime(text.data(), text.size(), "%Y%m%dT%H%M%SZ", &utc);
  return fmt::format("{}-{}", text.data(), getpid());
}

std::string hostName() {
  std::array<char, 256> name{};
  return gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "localhost";
}

std::string processorName() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    const size_t colon = line.find(": ");
    if (line.starts_with("model name") && colon != std::string::npos) return line.substr(colon + 2);
  }
  return "CPU";
}

std::string joined(const std::vector<int32_t>& numbers) {
  return fmt::format("{}", fmt::join(numbers, ","));
}

int64_t presentMemoryBytes() {
  return int64_t{sysconf(_SC_PHYS_PAGES)} * sysconf(_SC_PAGE_SIZE);
}

int64_t memoryFor(const Job& job) {
  return job.backend.memoryBytes > 0 ? job.backend.memoryBytes : presentMemoryBytes();
}

void putLink(std::map<std::string, std::string>& meta, const std::string& name,
             const comm::Link& link) {
  meta["link." + name + ".latencyNs"] = std::to_string(link.latencyNs);
  meta["link." + name + ".bytesPerSecond"] = fmt::format("{}", link.bytesPerSecond);
}

}  // namespace

trace::Tag tagOf(const Job& job, const RunOptions& options) {
  const bool linked = job.model.parallel.ranks() > 1 && !job.backend.ownsDevices;
  return linked || options.clock == comm::ClockKind::kVirtual ? trace::Tag::kEmulated
                                                              : trace::Tag::kMeasured;
}

std::map<std::string, std::string> metaOf(const Job& job, const RunOptions& options,
                                          std::string_view textName) {
  const profile::ParallelShape& parallel = job.model.parallel;
  const std::string clock(comm::name(options.clock));
  std::map<std::string, std::string> meta;
  meta["runId"] = makeRunId();
  meta["clock"] = clock;
  meta["tag"] = trace::name(tagOf(job, options));
  meta["toolVersion"] = CARACAL_VERSION;
  meta["hardware"] =
      fmt::format("{} ({} clock)",
                  job.backend.deviceName.empty() ? processorName() : job.backend.deviceName, clock);
  meta["planHash"] = job.planHash;
  meta["profileHash"] = job.profileHash;
  meta["policy"] = job.plan.policy;
  meta["schedule"] = job.plan.schedule;
  meta["partition"] = joined(job.plan.partition());
  meta["model"] = profile::modelToJson(job.model);
  meta["ranks"] = std::to_string(parallel.ranks());
  meta["tp"] = std::to_string(parallel.tensor);
  meta["pp"] = std::to_string(parallel.pipeline);
  meta["dp"] = std::to_string(parallel.data);
  meta["microBatches"] = std::to_string(parallel.microBatches);
  meta["stepsAsked"] = std::to_string(options.steps);
  meta["distributedOptimizer"] = job.distributedOptimizer ? "1" : "0";
  if (parallel.reducesInBackward()) meta["bucketBytes"] = std::to_string(job.bucketBytes);
  meta["seed"] = std::to_string(options.seed);
  meta["text"] = textName;
  if (!job.backend.ownsDevices) {
    putLink(meta, "tensor", options.links.tensor);
    putLink(meta, "pipeline", options.links.pipeline);
    putLink(meta, "data", options.links.data);
  }
  int64_t workspaceBytes = 0;
  std::vector<int32_t> layersOfStages;
  for (int32_t stage = 0; stage < parallel.pipeline; ++stage) {
    const model::HeldLayers layers = layersOf(job, stage);
    layersOfStages.push_back(static_cast<int32_t>(layers.layers.size()));
    if (layers.holdsLastEnd()) meta["lastEndStage"] = std::to_string(stage);
    const StageMemory memory = predictedMemory(job, stage);
    meta[fmt::format("staticBytes.{}", stage)] = std::to_string(memory.staticBytes);
    workspaceBytes = std::max(workspaceBytes, memory.workspaceBytes);
  }
  meta["layersOfStages"] = joined(layersOfStages);
  meta["memoryBytes"] = std::to_string(memoryFor(job));
  meta["workspaceBytes"] = std::to_string(workspaceBytes);
  return meta;
}

std::vector<recording::RankRow> rankRowsOf(const profile::ParallelShape& parallel) {
  std::vector<recording::RankRow> rows;
  const std::string host = hostName();
  for (int32_t rank = 0; rank < parallel.ranks(); ++rank) {
    const comm::Position position = comm::positionOf(parallel, rank);
    rows.push_back({rank, position.stage, position.tensor, position.data, host});
  }
  return rows;
}

Result<void> checkBudgets(const Job& job) {
  for (int32_t stage = 0; stage < job.model.parallel.pipeline; ++stage) {
    // A stage's chunks share its memory, and each carries the budget of the whole.
    const int32_t chunk = job.program.stages[static_cast<size_t>(stage)].chunks.front().chunk;
    const int64_t budget = job.plan.stages[static_cast<size_t>(chunk)].budgetBytes;
    const int64_t needed = predictedMemory(job, stage).peakBytes();
    if (budget == 0 || needed <= budget) continue;
    return fail(ErrorCode::kInfeasible,
                "a rank of stage {} would need {}, and the plan's budget is {}; plan again for a "
                "profile of this backend's own runs",
                stage, formatBytes(needed), formatBytes(budget));
  }
  return {};
}

Result<void> checkMemory(const Job& job) {
  const profile::ParallelShape& parallel = job.model.parallel;
  int64_t ofAll = 0;
  int64_t ofLargest = 0;
  for (int32_t stage = 0; stage < parallel.pipeline; ++stage) {
    const int64_t ofRank = predictedMemory(job, stage).peakBytes();
    ofAll += ofRank * parallel.tensor * parallel.data;
    ofLargest = std::max(ofLargest, ofRank);
  }
  const int64_t needed = job.backend.ownsDevices ? ofLargest : ofAll;
  const int64_t present = memoryFor(job);
  if (needed <= present) return {};
  return fail(ErrorCode::kOutOfMemory,
              "{} of this model need{} {}, {} has {}; use a smaller model, such "
              "as demo-gpt, or "
              "a plan that keeps less",
              job.backend.ownsDevices ? std::string("a rank")
                                      : fmt::format("the {} ranks", parallel.ranks()),
              job.backend.ownsDevices ? "s" : "", formatBytes(needed),
              job.backend.deviceName.empty() ? "this machine" : job.backend.deviceName,
              formatBytes(present));
}

}  // namespace caracal::executor
