// What Megatron-LM can make of a plan: the same k first layers of every stage recomputed whole,
// units of n layers, the attention core of every layer, or nothing. Each choice is itself a Plan,
// so that it can be simulated beside the one it stands for.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/base/result.h"
#include "core/plan/plan.h"
#include "core/profile/profile.h"
#include "core/sim/simulator.h"

namespace caracal::exporter {

enum class MegatronGranularity : uint8_t {
  kNone,       // no recompute flag
  kSelective,  // --recompute-granularity selective, module core_attn, all layers of all stages
  kBlock,      // full, block: the first `layers` layers of each stage
  kUniform,    // full, uniform: every layer, in units of `layers`
};

struct MegatronRecompute {
  MegatronGranularity granularity = MegatronGranularity::kNone;
  int32_t layers = 0;
  bool operator==(const MegatronRecompute&) const = default;
};
std::string toText(const MegatronRecompute& recompute);  // "none", "selective core_attn",
                                                         // "full/block/3", "full/uniform/1"

// The plan that the target executes under these flags: partition and budgets of `plan`,
// recomputation on the critical path.
plan::Plan projected(const profile::Profile& profile, const plan::Plan& plan,
                     const MegatronRecompute& recompute);

struct MegatronCandidate {
  MegatronRecompute recompute;
  plan::Plan plan;
  sim::SimResult predicted;
  bool fits = false;  // every stage within its limit
};

struct MegatronProjection {
  MegatronCandidate chosen;
  std::vector<MegatronCandidate> others;  // that were weighed against it
  bool sameTensors = false;  // the plan recomputes exactly the tensors that the flags do
};

// A plan that is one of the target's own choices becomes that choice. Else the smaller predicted
// time of full/block/k with the smallest k that fits and selective where it fits; when nothing
// fits, what needs least memory. A stage's limit is its budget, else the device's memory, else what
// the plan itself needs there. `planned` is the simulation of `plan`.
Result<MegatronProjection> projectForMegatron(const profile::Profile& profile,
                                              const plan::Plan& plan,
                                              const sim::SimResult& planned);

}  // namespace caracal::exporter
