// The independent figures of the shared real traces (truth.json beside them), as tests want them.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace caracal::import {

struct TruthDevice {
  int64_t kernels = 0, memcpy = 0, memset = 0, commKernels = 0;
  std::map<std::string, int64_t> commByKind;
  std::map<std::string, int64_t> commTimeByKindNs;
  std::map<std::string, int64_t> streams;
  int64_t firstNs = 0, lastNs = 0;
};

struct TruthStage {
  int64_t forwards = 0, backwards = 0, windowNs = 0, computeNs = 0, bubbleNs = 0;
};

struct TruthFile {
  std::string path;   // inside the folder of traces
  std::string error;  // why the independent reader refused the file; empty when it did not
  int64_t events = 0;
  std::map<std::string, int64_t> byCategory;  // of complete events
  int64_t kernels = 0, kernelsWithRuntime = 0;
  int64_t negativeDurations = 0, missingDurations = 0;
  int64_t runtimeCalls = 0, pythonFunctions = 0, userAnnotations = 0, gpuUserAnnotations = 0;
  std::vector<std::string> steps;
  std::optional<int32_t> rank;
  std::optional<int64_t> firstNs,
      lastNs;  // of complete events, as in the file: without its base time
  std::map<std::string, TruthDevice> devices;
  std::map<std::string, TruthStage> stages;
  std::map<std::string, int64_t> processGroups;  // "name | description | ranks" -> events
  int64_t steppedWorkers = 0;  // (step, replica) pairs or iterations a stage sums over
};

// How tests that run for each file name it.
void PrintTo(const TruthFile& file, std::ostream* out);
std::string testNameOf(const TruthFile& file);

// All Chrome-trace files of truth.json; empty when the shared traces are not there.
std::vector<TruthFile> chromeTruth();

}  // namespace caracal::import
