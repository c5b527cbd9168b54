#include "tests/core/import/truth.h"

#include <cctype>
#include <fstream>
#include <nlohmann/json.hpp>
#include <ostream>

#include "tests/core/import/test_files.h"

namespace caracal::import {
namespace {

using nlohmann::json;
using Counts = std::map<std::string, int64_t>;

Counts counts(const json& object, const char* key) {
  return object.contains(key) ? object[key].get<Counts>() : Counts();
}

template <class T>
std::optional<T> optional(const json& object, const char* key) {
  if (!object.contains(key) || object[key].is_null()) return std::nullopt;
  return object[key].get<T>();
}

TruthDevice device(const json& source) {
  TruthDevice device;
  device.kernels = source["kernels"];
  device.memcpy = source["memcpy"];
  device.memset = source["memset"];
  device.commKernels = source["comm_kernels"];
  device.commByKind = counts(source, "comm_by_kind");
  device.commTimeByKindNs = counts(source, "comm_time_by_kind_ns");
  device.streams = counts(source, "streams");
  device.firstNs = source["first_ns"];
  device.lastNs = source["last_ns"];
  return device;
}

void takeStages(TruthFile& file, const json& pipeline) {
  for (const auto& [stage, source] : pipeline["by_stage"].items()) {
    file.stages[stage] = {source["fwd"], source["bwd"], source["window_ns"], source["compute_ns"],
                          source["bubble_ns"]};
    file.steppedWorkers = source.value("worker_steps", source.value("iterations", int64_t{0}));
  }
}

TruthFile truthFile(const std::string& path, const json& source) {
  TruthFile file;
  file.path = path;
  file.error = source.value("error", "");
  if (!file.error.empty()) return file;
  file.events = source["events"];
  file.byCategory = counts(source, "X_by_cat");
  file.kernels = source["kernels"];
  file.kernelsWithRuntime = source["kernels_with_runtime"];
  file.negativeDurations = source["negative_dur"];
  file.missingDurations = source["X_without_dur"];
  file.runtimeCalls = source["runtime_calls"];
  file.pythonFunctions = source["python_function"];
  file.userAnnotations = source["user_annotations"];
  file.gpuUserAnnotations = source["gpu_user_annotations"];
  file.steps = source["profiler_steps"].get<std::vector<std::string>>();
  file.processGroups = counts(source, "process_groups");
  file.firstNs = optional<int64_t>(source, "first_ns");
  file.lastNs = optional<int64_t>(source, "last_ns");
  if (source.contains("distributedInfo") && source["distributedInfo"].is_object()) {
    file.rank = optional<int32_t>(source["distributedInfo"], "rank");
  }
  for (const auto& [key, value] : source["devices"].items()) file.devices[key] = device(value);
  if (source.contains("pipeline")) takeStages(file, source["pipeline"]);
  return file;
}

}  // namespace

void PrintTo(const TruthFile& file, std::ostream* out) {
  *out << file.path;
}

std::string testNameOf(const TruthFile& file) {
  std::string name = file.path;
  for (char& c : name) c = std::isalnum(static_cast<unsigned char>(c)) != 0 ? c : '_';
  return name;
}

std::vector<TruthFile> chromeTruth() {
  std::vector<TruthFile> files;
  if (sharedTraces().empty()) return files;
  std::ifstream stream(sharedTraces() + "/truth.json");
  const json truth = json::parse(stream);
  for (const auto& [path, source] : truth["files"].items()) {
    if (source["format"] == "chrome") files.push_back(truthFile(path, source));
  }
  return files;
}

}  // namespace caracal::import
