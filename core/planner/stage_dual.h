// StageDual: a lower bound on what recomputation adds to a stage, by putting prices on what its
// layers share (memory, room beside bwd.mlp, waits for gradients) and letting each layer choose
// for itself; and the prices at which that bound is highest (Lagrangian relaxation).
#pragma once

#include <cstdint>
#include <vector>

#include "core/planner/heu_search.h"
#include "core/planner/layer_choices.h"
#include "core/planner/mix_stop.h"
#include "core/planner/pass_charges.h"

namespace caracal::planner {

// One stage's layers and what they share.
struct StageTerms {
  StageTerms(const StageModel& model, PassCharges charges, int64_t budgetBytes);

  const StageModel& model;
  PassCharges charges;
  std::vector<LayerTerms> places;  // that differ
  std::vector<size_t> placeOf;     // of each layer, bottom first
  int64_t roomBytes = 0;           // budget, less what the stage holds whatever the policies
  double mlpRoomNs = 0;            // of all bwd.mlp windows
  double roundingNs = 0;           // contention: each operator and collective may lose a nanosecond
};

struct StageDual {
  LayerPrices prices;
  double boundNs = 0;                             // of every plan of the stage
  double fixedNs = 0;                             // of it: what no layer decides
  std::vector<double> leastNs;                    // of it per place: the least of pricedNs()
  std::vector<std::vector<LayerChoice>> choices;  // per place, met on the way
  bool complete = false;
};

StageDual highestBound(const StageTerms& stage, const MixStop& stop);

}  // namespace caracal::planner
