// Checkmate (Jain et al., arXiv 1910.02653) inside a layer: the least recomputation under the exact
// peak, without overlap. Each tensor is kept or computed again when backward asks for it, once;
// a layer's input is always kept. One policy per kind of layer and stage, found exactly.
//
// All work is on the critical path and the same for every micro-batch, and a pipeline's step grows
// with each stage's passes, so the stages' optima together are the shortest step of such plans.
#pragma once

#include <cstdint>
#include <stop_token>
#include <vector>

#include "core/planner/stage_choice.h"
#include "core/planner/stage_model.h"
#include "core/profile/profile.h"

namespace caracal::planner {

class CheckmatePolicy {
 public:
  // Lists every way to keep and rebuild the tensors of each kind; about a microsecond each, and at
  // most 2^n for n operators.
  explicit CheckmatePolicy(const profile::Profile& profile);

  // REQUIRES a model of the same profile. Two kinds and more are searched together; the choice is
  // then incomplete if that takes too long.
  StageChoice solve(const StageModel& model, int64_t budgetBytes,
                    const std::stop_token& stop = {}) const;

 private:
  struct Option {
    uint64_t kept = 0;        // one bit per operator
    int64_t recomputeNs = 0;  // per layer and micro-batch
    int64_t keptBytes = 0;    // likewise, the layer's input not counted
  };
  struct Kind {
    std::vector<Option> fastest;   // by recomputation, then bytes
    std::vector<Option> smallest;  // by bytes, then recomputation
    bool complete = true;
  };
  class Listing;
  class Search;

  const profile::Profile& m_profile;
  std::vector<plan::LayerGraph> m_graphs;
  std::vector<Kind> m_kinds;
};

}  // namespace caracal::planner
