// Where the rows of an op-level pipeline trace belong: which worker of the pipeline x data x tensor
// grid, and which of its lanes.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace caracal::import::pipeline {

// A worker's place in the grid.
struct WorkerPlace {
  int32_t stage = 0;
  int32_t replica = 0;
  int32_t tensor = 0;
  bool operator<(const WorkerPlace& other) const {
    if (stage != other.stage) return stage < other.stage;
    return replica != other.replica ? replica < other.replica : tensor < other.tensor;
  }
};

// Sizes of the grid. Ranks are numbered tensor index fastest, then replica, then stage, as Megatron
// does.
struct GridSizes {
  int32_t stages = 1;
  int32_t replicas = 1;
  int32_t tensor = 1;
  void include(const WorkerPlace& place);
  int32_t rankOf(const WorkerPlace& place) const;
};

// "PP rank 2, TP rank 0, pp-comm": what a row's name says.
struct RowName {
  int32_t stage = 0;
  int32_t tensor = 0;
  std::string lane;
};
std::optional<RowName> rowNameOf(std::string_view text);
// "DP rank [1]" -> 1.
std::optional<int32_t> replicaOf(std::string_view processName);

// The file beside a trace that describes it: "timeline-ST.json.gz" -> "meta-ST.yaml". Flat "key:
// value" lines; empty when there is none.
std::map<std::string, std::string> descriptionBeside(const std::string& tracePath);
bool isDescription(const std::string& path);

}  // namespace caracal::import::pipeline
