// A job: everything that is known before the first rank starts. Made from a plan document, or from
// a model description alone (keep everything, layers spread evenly); all refusals in words happen
// here.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/base/result.h"
#include "core/plan/plan_json.h"
#include "core/plan/program.h"
#include "core/profile/model_description.h"
#include "runtime/executor/operator_table.h"
#include "runtime/model/parameters.h"
#include "runtime/model/shape.h"

namespace caracal::executor {

// Bytes of one rank that do not depend on the plan.
struct FixedMemory {
  int64_t staticBytes = 0;     // parameters, gradients and optimizer state
  int64_t workspaceBytes = 0;  // gradients of activations and scratch
};
FixedMemory fixedMemoryOnCpu(const model::RankShape& shape, const model::HeldLayers& layers);

// What is known of a backend before it runs.
struct BackendFacts {
  model::Abilities abilities{.distributedOptimizer = true};
  int64_t memoryBytes = 0;  // that all ranks share; 0: this machine's
  // A device with so much memory and real links for each rank, instead of one that they share.
  bool ownsDevices = false;
  std::string deviceName;  // empty: this machine's processor
  FixedMemory (*fixedMemory)(const model::RankShape&, const model::HeldLayers&) = fixedMemoryOnCpu;
};

// How replicas share the work of reducing gradients and updating weights.
struct ReplicaOptions {
  bool distributedOptimizer = false;  // ZeRO-1; the model description may ask for it too
  // Of a bucket's gradients, in models that reduce beside backward; 0: each layer alone. None:
  // Megatron-LM's max(40, replicas) million parameters of 4 bytes.
  std::optional<int64_t> bucketBytes;
};

struct Job {
  profile::ModelDescription model;
  plan::Plan plan;           // as it runs; placements aligned with `profile`
  std::string planHash;      // of the plan as it was given
  std::string profileHash;   // of the profile it was made for; empty without one
  profile::Profile profile;  // structure only, no times: what `program` was lowered with
  plan::Program program;
  OperatorTable table;
  BackendFacts backend;
  bool distributedOptimizer = false;
  int64_t bucketBytes = 0;
};

Result<Job> jobFromPlan(const plan::PlanDocument& document, const BackendFacts& backend = {},
                        const ReplicaOptions& replicas = {});
// `schedule` as in plan::makeSchedule().
Result<Job> jobFromModel(const profile::ModelDescription& model, std::string_view schedule = "1F1B",
                         const BackendFacts& backend = {}, const ReplicaOptions& replicas = {});

// The structure of a model as backends of ours run it: nothing kept for dropout.
Result<profile::Profile> structureHere(const profile::ModelDescription& model);

// Bytes of one rank of a stage: fixed ones, and activations at their largest, from the program
// alone.
struct StageMemory {
  int64_t staticBytes = 0;
  int64_t workspaceBytes = 0;
  int64_t activationBytes = 0;
  int64_t peakBytes() const { return staticBytes + workspaceBytes + activationBytes; }
};
StageMemory predictedMemory(const Job& job, int32_t stage);

// Those of all chunks that a stage of the pipeline holds.
model::HeldLayers layersOf(const Job& job, int32_t stage);

}  // namespace caracal::executor
