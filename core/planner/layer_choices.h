// LayerChoices: complete policies for a layer at one place of a stage, with all that a chain of
// layers needs to know of them (chain_search.h): enumerated under prices up to a limit.
#pragma once

#include <cstdint>
#include <vector>

#include "core/plan/plan.h"
#include "core/planner/layer_fates.h"
#include "core/planner/layer_terms.h"

namespace caracal::planner {

// What a layer does to memory while the layer above runs backward.
struct HostedBytes {
  PhaseBytes mlp, attn;     // rebuilt beside that layer's bwd.mlp and bwd.attn
  int64_t outputBytes = 0;  // released when that layer needs its input no more
  bool noMoreThan(const HostedBytes& o) const {
    return mlp.net <= o.mlp.net && mlp.peak <= o.mlp.peak && attn.net <= o.attn.net &&
           attn.peak <= o.attn.peak && outputBytes >= o.outputBytes;
  }
};

// Memory while a layer's own backward runs, relative to what the layers below hold: before the work
// hosted for the layer below beside bwd.mlp, at it, and so on.
struct BackwardBytes {
  int64_t beforeMlp = 0, atMlp = 0, beforeAttn = 0, atAttn = 0, after = 0;
  Phase lastBackward = Phase::kBackwardAttn1;  // the input is released after it
  int64_t peakWith(const HostedBytes& below) const {
    const int64_t early = lastBackward == Phase::kBackwardMlp ? below.outputBytes : 0;
    const int64_t late = lastBackward == Phase::kBackwardAttn1 ? 0 : below.outputBytes;
    const int64_t mlp = below.mlp.net, both = mlp + below.attn.net;
    return std::max({beforeMlp, atMlp + below.mlp.peak - early, beforeAttn + mlp - early,
                     atAttn + mlp + below.attn.peak - late, after + both - late});
  }
  bool noMoreThan(const BackwardBytes& o) const {
    return beforeMlp <= o.beforeMlp && atMlp <= o.atMlp && beforeAttn <= o.beforeAttn &&
           atAttn <= o.atAttn && after <= o.after && lastBackward <= o.lastBackward;
  }
};

struct LayerChoice {
  double costNs = 0;          // of forward and backward, per step, as if bwd.mlp hid nothing
  double pipeNs = 0;          // work in `pipe`, per micro-batch with a next forward
  double earlyNs = 0;         // rebuilt early
  double ownMlpNs = 0;        // operators that the layer's own bwd.mlp can hide
  double prevMlpNs = 0;       // and that of the layer above
  bool closesOwnMlp = false;  // repeats a collective in it: nothing that follows is hidden
  int64_t heldBytes = 0;      // by the other micro-batches in flight
  int64_t oldestBytes = 0;    // by the oldest, when the stage's backward begins
  BackwardBytes backward;
  HostedBytes hosted;
  std::vector<plan::Placement> placements;
};

// What the choice costs in time at the prices, as if bwd.mlp hid nothing.
inline double timeNs(const LayerPrices& prices, const LayerChoice& choice) {
  return choice.costNs + prices.pipe * choice.pipeNs + prices.early * choice.earlyNs;
}
// What of the layer's own bwd.mlp it leaves to nobody else.
inline double ownMlpUseNs(const LayerTerms& terms, const LayerChoice& choice) {
  const double room = terms.ownMlp.roomNs;
  return choice.closesOwnMlp ? room : std::min(choice.ownMlpNs, room);
}
// What it costs with a price on all that it shares with other layers.
double pricedNs(const LayerTerms& terms, const LayerPrices& prices, const LayerChoice& choice);

struct ChoiceList {
  std::vector<LayerChoice> choices;
  bool complete = true;  // false: a limit was met
};

struct ChoiceLimits {
  int64_t nodes = 0;   // of the search
  size_t choices = 0;  // before superfluous ones are dropped
  const MixStop& stop;
};

// The cheapest choice at these prices, if there is one for less than limitNs; none is cheaper by
// more than 2 ns.
ChoiceList cheapestChoice(const LayerTerms& terms, const LayerPrices& prices, double limitNs,
                          const ChoiceLimits& limits);

// Every choice with a price of at most `limitNs`, but those that another one makes superfluous.
ChoiceList choicesUpTo(const LayerTerms& terms, const LayerPrices& prices, double limitNs,
                       const ChoiceLimits& limits);

}  // namespace caracal::planner
