// LayerChoices: complete policies for a layer at one place of a stage, with all that a chain of
// layers needs to know of them (chain_search.h): enumerated under prices up to a limit.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <numeric>
#include <vector>

#include "core/plan/plan.h"
#include "core/planner/layer_fates.h"
#include "core/planner/layer_terms.h"

namespace caracal::planner {

// What a layer does to memory while the layer above runs backward.
struct HostedBytes {
  // Beside each of that layer's backward collectives; nothing beside the last of them is left out.
  std::vector<PhaseBytes> beside;
  int64_t outputBytes = 0;  // released when that layer needs its input no more
  int64_t hostedNet() const {
    return std::accumulate(beside.begin(), beside.end(), int64_t{0},
                           [](int64_t sum, const PhaseBytes& phase) { return sum + phase.net; });
  }
  PhaseBytes at(size_t host) const { return host < beside.size() ? beside[host] : PhaseBytes{}; }
  bool noMoreThan(const HostedBytes& o) const {
    for (size_t host = 0; host < std::max(beside.size(), o.beside.size()); ++host) {
      if (at(host).net > o.at(host).net || at(host).peak > o.at(host).peak) return false;
    }
    return outputBytes >= o.outputBytes;
  }
  bool operator==(const HostedBytes&) const = default;
};

// Memory while a layer's own backward runs, relative to what the layers below hold. Its collectives
// cut the pass into pieces; beside each of them it may host work for the layer below.
struct BackwardBytes {
  std::vector<int64_t> pieces;  // highest of each
  std::vector<int64_t> hosts;   // at each collective
  size_t lastBackward = 0;      // the piece after which the input is released
  int64_t peakWith(const HostedBytes& below) const {
    int64_t hosted = 0, peak = pieces.front();
    for (size_t host = 0; host < hosts.size(); ++host) {
      const PhaseBytes beside = below.at(host);
      if (host == lastBackward) hosted -= below.outputBytes;
      peak = std::max(peak, hosts[host] + hosted + beside.peak);
      hosted += beside.net;
      peak = std::max(peak, pieces[host + 1] + hosted);
    }
    return peak;
  }
  bool noMoreThan(const BackwardBytes& o) const {
    return lastBackward <= o.lastBackward && noMore(pieces, o.pieces) && noMore(hosts, o.hosts);
  }

 private:
  static bool noMore(const std::vector<int64_t>& x, const std::vector<int64_t>& y) {
    return std::equal(x.begin(), x.end(), y.begin(), y.end(), std::less_equal<>());
  }
};

struct LayerChoice {
  double costNs = 0;          // of forward and backward, per step, as if bwd.mlp hid nothing
  double pipeNs = 0;          // work in `pipe`, per micro-batch with a next forward
  double earlyNs = 0;         // rebuilt early
  double ownMlpNs = 0;        // operators that the layer's own bwd.mlp can hide
  double prevMlpNs = 0;       // and that of the layer above, as much as is placed there
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
