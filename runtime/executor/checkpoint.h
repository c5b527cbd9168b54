// Checkpoints: weights and optimizer state after a number of steps, so that training goes on where
// it ended. Parameters are found by name and shard, so that a run can go on under another plan,
// schedule or partition, and with other replicas, which may share the optimizer's state or not; its
// tensor-parallel group must have the same size.
//
// The file: 8 bytes "CARACALC", uint64 bytes of the header, the header as JSON ("schema"
// "caracal.checkpoint/1", "stepsDone", "seed", "parameters": [{"name", "shard", "shards",
// "count"}]), then for each parameter in that order its weights, first and second moments as fp32,
// and at the end the XXH64 of everything before it as uint64. Numbers are little-endian.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "core/base/result.h"
#include "runtime/model/parameters.h"

namespace caracal::executor {

struct Progressed {
  int32_t stepsDone = 0;
  uint64_t seed = 1;
};

// Of one rank; each array holds all its parameters.
struct StoredParameters {
  std::vector<model::ParameterSpec> specs;
  std::span<const float> weights, moments1, moments2;
};

// Writes beside `path` and renames, so that a checkpoint is whole or the one before it. `ranks`:
// those of one replica.
Result<void> writeCheckpoint(const std::string& path, const Progressed& progressed,
                             std::span<const StoredParameters> ranks);

class Checkpoint {
 public:
  // Fails with kInvalidInput for what is not a whole checkpoint.
  static Result<Checkpoint> open(const std::string& path);

  const Progressed& progressed() const { return m_progressed; }
  // Fails with kInvalidInput when a parameter is missing or has another size: another model, or
  // another number of tensor-parallel ranks.
  Result<void> restore(model::ParameterStore& parameters) const;

 private:
  struct Place {
    size_t offset = 0;  // of the weights in m_content
    int64_t count = 0;  // of each of the three arrays
    int64_t shards = 1;
  };
  std::string m_path;
  std::string m_content;
  Progressed m_progressed;
  std::map<std::pair<std::string, int64_t>, Place> m_places;  // by name and shard
};

}  // namespace caracal::executor
