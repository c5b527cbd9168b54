// The policies people use today, with Megatron-LM's meaning where it has one
// (megatron/core/recompute.py).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"
#include "core/planner/candidate.h"

namespace caracal::planner {

enum class BaselineKind : uint8_t {
  kNone,       // keep what backward needs
  kFull,       // keep the layer's input, run the whole layer again before its backward, collectives
               // included
  kSelective,  // run the attention core again; its result is kept for the output projection
  kUniform,    // as full, but only the input of every N-th layer of the stage is kept
  kBlock,      // the first N layers of each stage as full, the others keep all
};

struct Baseline {
  BaselineKind kind = BaselineKind::kNone;
  int32_t layers = 1;  // N
};

// "full", "uniform:2": nothing when the text is no baseline; an error when its number is missing or
// wrong.
Result<std::optional<Baseline>> baselineFromName(std::string_view text);

// A layer of a stage; its index counts from the stage's first layer.
plan::LayerPolicy baselineLayer(const Baseline& baseline, const profile::LayerKind& kind,
                                int32_t indexInStage);

// One policy per kind of layer for every layer of the plan.
void applyPolicies(const profile::Profile& profile,
                   const std::vector<std::vector<plan::Placement>>& placementsOfKind,
                   plan::Plan& plan);

// What the simulator makes of a plan, under any schedule.
Result<Candidate> simulatedCandidate(const profile::Profile& profile, plan::Plan plan,
                                     std::stop_token stop = {});

// REQUIRES a valid partition. Fails when N is more than the smallest stage holds.
Result<Candidate> baselineCandidate(const profile::Profile& profile, const Baseline& baseline,
                                    plan::Plan skeleton, std::stop_token stop = {});

}  // namespace caracal::planner
