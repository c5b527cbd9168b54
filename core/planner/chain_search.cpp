#include "core/planner/chain_search.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <tuple>

#include "core/planner/chain_interfaces.h"

namespace caracal::planner {
namespace {

constexpr size_t kMostChains = 24;

// Choices of layers 0..l.
struct Partial {
  int64_t bytes = 0;  // held when the stage's backward begins
  int64_t peak = 0;   // highest of a layer's own backward so far, others' micro-batches included
  double costNs = 0;
  double excessNs = 0;  // beyond the dual's bound, which only grows
  double pipeNs = 0, earlyNs = 0;
  uint32_t interface = 0;
  uint32_t choice = 0;
  int32_t before = -1;
};
using Level = std::vector<Partial>;

struct Extension {
  const LayerChoice* choice = nullptr;
  uint32_t index = 0;
  uint32_t interface = 0;
  double timeNs = 0;
  double reducedNs = 0;
};

class ChainSearch {
 public:
  ChainSearch(const StageTerms& stage, const StageDual& dual,
              const std::vector<std::vector<LayerChoice>>& choices, const ChainRequest& request,
              const MixStop& stop)
      : m_stage(stage), m_dual(dual), m_request(request), m_stop(stop) {
    for (size_t place = 0; place < stage.places.size(); ++place) {
      m_extensions.push_back(extensionsOf(place, choices[place]));
      int64_t held = std::numeric_limits<int64_t>::max() / 1024, oldest = held;
      for (const LayerChoice& choice : choices[place]) {
        held = std::min(held, choice.heldBytes);
        oldest = std::min(
            oldest, stage.places[place].top() ? choice.backward.peakWith({}) : choice.oldestBytes);
      }
      m_leastHeld.push_back(held);
      m_leastOldest.push_back(oldest);
    }
    m_slackNs = 1e-9 * std::abs(request.reachedNs) + 1e-3;
  }

  ChainResult run() {
    m_levels.push_back({Partial{}});
    m_levels.front().front().peak = std::numeric_limits<int64_t>::min() / 2;
    m_result.complete = true;
    for (size_t layer = 0; layer < m_stage.placeOf.size() && m_result.complete; ++layer)
      extend(layer);
    m_result.leastNs = m_request.reachedNs;
    if (m_result.complete) finish();
    return std::move(m_result);
  }

 private:
  std::vector<Extension> extensionsOf(size_t place, const std::vector<LayerChoice>& choices) {
    const LayerTerms& terms = m_stage.places[place];
    std::vector<Extension> extensions;
    for (uint32_t index = 0; index < choices.size(); ++index) {
      const LayerChoice& choice = choices[index];
      extensions.push_back(
          {&choice, index,
           m_interfaces.numberOf(
               {std::min(choice.prevMlpNs, terms.prevMlp.sharedNs), choice.hosted}),
           timeNs(m_dual.prices, choice),
           pricedNs(terms, m_dual.prices, choice) - m_dual.leastNs[place]});
    }
    std::stable_sort(
        extensions.begin(), extensions.end(),
        [](const Extension& a, const Extension& b) { return a.reducedNs < b.reducedNs; });
    return extensions;
  }

  double mostExcessNs() const { return m_request.reachedNs - m_dual.boundNs + m_slackNs; }

  // The least of what all layers above take.
  int64_t sumAbove(size_t layer, const std::vector<int64_t>& least) const {
    int64_t bytes = 0;
    for (size_t above = layer + 1; above < m_stage.placeOf.size(); ++above)
      bytes += least[m_stage.placeOf[above]];
    return bytes;
  }

  Partial extended(const Partial& from, const Extension& by, const LayerTerms& terms) const {
    const LayerChoice& choice = *by.choice;
    const ChainInterface& below = m_interfaces[from.interface];
    const double full = m_dual.prices.backward * terms.share;
    const double priced = full - m_dual.prices.mlpWindow;
    const double room = terms.ownMlp.roomNs;
    const double ownNs = std::min(room, choice.ownMlpNs);
    const double savedNs =
        full * (choice.closesOwnMlp ? ownNs : std::min(room, ownNs + below.mlpNs));
    const double creditNs = priced * (ownNs + below.mlpNs) +
                            m_dual.prices.mlpWindow * (room + ownNs - ownMlpUseNs(terms, choice));
    Partial to;
    to.costNs = from.costNs + by.timeNs - savedNs;
    to.excessNs = from.excessNs + by.reducedNs + std::max(0.0, creditNs - savedNs);
    to.peak =
        choice.heldBytes + std::max(from.peak, from.bytes + choice.backward.peakWith(below.bytes));
    to.bytes = from.bytes + choice.heldBytes + choice.oldestBytes;
    to.pipeNs = from.pipeNs + choice.pipeNs;
    to.earlyNs = from.earlyNs + choice.earlyNs;
    to.interface = by.interface;
    to.choice = by.index;
    return to;
  }

  void extend(size_t layer) {
    const size_t place = m_stage.placeOf[layer];
    const LayerTerms& terms = m_stage.places[place];
    const bool top = layer + 1 == m_stage.placeOf.size();
    m_creditPerNs = m_dual.prices.backward * terms.share - m_dual.prices.mlpWindow;
    const int64_t oldestAbove = sumAbove(layer, m_leastOldest);
    const int64_t peakRoom = m_stage.roomBytes - sumAbove(layer, m_leastHeld);
    const int64_t room = peakRoom - oldestAbove;
    const Level& from = m_levels.back();
    Level next;
    for (size_t p = 0; p < from.size(); ++p) {
      if (p % 64 == 0 && m_stop.requested()) m_result.complete = false;
      for (const Extension& by : m_extensions[place]) {
        if (from[p].excessNs + by.reducedNs > mostExcessNs()) break;
        if (++m_result.steps > m_request.steps) m_result.complete = false;
        if (!m_result.complete) return;
        Partial to = extended(from[p], by, terms);
        if (to.excessNs > mostExcessNs() || to.peak > peakRoom) continue;
        if (!top && to.bytes > room) continue;
        to.before = static_cast<int32_t>(p);
        next.push_back(to);
      }
      constexpr size_t kCompactAt = 200'000;
      if (next.size() > kCompactAt) compact(next, top, oldestAbove);
    }
    compact(next, top, oldestAbove);
    m_levels.push_back(std::move(next));
  }

  // How much more a chain with interface b may save in the layer above than one with a; infinite
  // if a's may take more memory there.
  double handicap(uint32_t a, uint32_t b) const {
    const ChainInterface &first = m_interfaces[a], &second = m_interfaces[b];
    if (!first.bytes.noMoreThan(second.bytes)) return std::numeric_limits<double>::infinity();
    return m_dual.prices.backward * std::max(0.0, second.mlpNs - first.mlpNs);
  }

  // Drops what another chain makes superfluous, then thins out.
  void compact(Level& level, bool top, int64_t oldestAbove) {
    // Below this the peaks so far do not matter: the top layer's will be higher.
    for (Partial& partial : level)
      partial.peak = top ? 0 : std::max(partial.peak, partial.bytes + oldestAbove);
    std::stable_sort(level.begin(), level.end(), [](const Partial& a, const Partial& b) {
      return std::tie(a.bytes, a.costNs, a.peak) < std::tie(b.bytes, b.costNs, b.peak);
    });
    Level kept;
    std::map<uint32_t, std::vector<std::pair<double, int64_t>>> best;  // cost, peak
    for (const Partial& partial : level) {
      bool superfluous = false;
      for (const uint32_t interface : {uint32_t{0}, partial.interface}) {
        const auto found = best.find(top ? 0 : interface);
        if (found == best.end()) continue;
        const double extra = top ? 0 : handicap(interface, partial.interface);
        superfluous |=
            std::any_of(found->second.begin(), found->second.end(), [&](const auto& point) {
              return point.first + extra <= partial.costNs && point.second <= partial.peak;
            });
      }
      if (superfluous) continue;
      auto& points = best[top ? 0 : partial.interface];
      std::erase_if(points, [&](const auto& point) {
        return point.first >= partial.costNs && point.second >= partial.peak;
      });
      points.emplace_back(partial.costNs, partial.peak);
      kept.push_back(partial);
    }
    level = std::move(kept);
    if (level.size() > m_request.most) thin(level);
  }

  // Joins chains that are alike: in memory above all, then in what the layer above must know.
  void thin(Level& level) {
    m_result.thinned = true;
    const auto [low, high] = std::minmax_element(level.begin(), level.end(), byBytes);
    const int64_t first = low->bytes;
    const int64_t width = 1 + (high->bytes - first) / static_cast<int64_t>(m_request.most);
    const auto keyOf = [&](const Partial& partial) {
      const ChainInterface& interface = m_interfaces[partial.interface];
      const HostedBytes& bytes = interface.bytes;
      return std::tuple((partial.bytes - first) / width, interface.mlpNs, bytes.hostedNet(),
                        partial.peak, partial.costNs);
    };
    std::stable_sort(level.begin(), level.end(),
                     [&](const Partial& a, const Partial& b) { return keyOf(a) < keyOf(b); });
    const size_t alike = level.size() / m_request.most + 1;
    Level joined;
    size_t count = 0;
    for (const Partial& partial : level) {
      const bool same = !joined.empty() && count < alike &&
                        (joined.back().bytes - first) / width == (partial.bytes - first) / width;
      count = same ? count + 1 : 1;
      if (same)
        join(joined.back(), partial);
      else
        joined.push_back(partial);
    }
    level = std::move(joined);
  }

  static bool byBytes(const Partial& a, const Partial& b) { return a.bytes < b.bytes; }

  void join(Partial& into, const Partial& partial) {
    const Partial cheaper = partial.costNs < into.costNs ? partial : into;
    if (m_request.thinning == Thinning::kDrop) {
      into = cheaper;
      return;
    }
    Partial joined = cheaper;
    joined.bytes = std::min(into.bytes, partial.bytes);
    joined.peak = std::min(into.peak, partial.peak);
    if (into.interface != partial.interface)
      joined.interface = m_interfaces.easier(into.interface, partial.interface);
    joined.excessNs = std::min({into.excessNs, partial.excessNs, excessAs(joined, cheaper)});
    into = joined;
  }

  // The excess of a chain like `cheaper`, were it as easy on memory and on the layer above as
  // `joined`. What such a chain makes superfluous must not be cut off because of a higher one.
  double excessAs(const Partial& joined, const Partial& cheaper) const {
    const double easierNs =
        m_interfaces[joined.interface].mlpNs - m_interfaces[cheaper.interface].mlpNs;
    return cheaper.excessNs -
           m_dual.prices.perByte * static_cast<double>(cheaper.bytes - joined.bytes) -
           m_creditPerNs * easierNs;
  }

  // With what `pipe` and early work really cost in the stage's waits, not by their prices.
  double fullCostNs(const Partial& partial) const {
    return partial.costNs - m_dual.prices.pipe * partial.pipeNs -
           m_dual.prices.early * partial.earlyNs + m_stage.charges.pipe.ns(partial.pipeNs) +
           m_stage.charges.early.ns(partial.earlyNs);
  }

  void finish() {
    Level& last = m_levels.back();
    if (last.empty()) return;
    const double constant = m_dual.fixedNs + m_dual.prices.mlpWindow * m_stage.mlpRoomNs +
                            m_dual.prices.perByte * static_cast<double>(m_stage.roomBytes);
    for (const Partial& partial : last)
      m_result.leastNs = std::min(m_result.leastNs, partial.costNs + constant - m_stage.roundingNs);
    std::stable_sort(last.begin(), last.end(), [&](const Partial& a, const Partial& b) {
      return fullCostNs(a) < fullCostNs(b);
    });
    for (size_t c = 0; c < std::min(last.size(), kMostChains); ++c) {
      std::vector<uint32_t> chain(m_stage.placeOf.size());
      const Partial* partial = &last[c];
      for (size_t layer = chain.size(); layer-- > 0;) {
        chain[layer] = partial->choice;
        partial = &m_levels[layer][static_cast<size_t>(partial->before)];
      }
      m_result.chains.push_back(std::move(chain));
    }
  }

  const StageTerms& m_stage;
  const StageDual& m_dual;
  ChainRequest m_request;
  const MixStop& m_stop;
  ChainInterfaces m_interfaces;
  std::vector<std::vector<Extension>> m_extensions;  // per place
  std::vector<int64_t> m_leastHeld, m_leastOldest;
  double m_slackNs = 0;
  double m_creditPerNs = 0;  // what pricedNs() counts for work that the layer above may hide
  std::vector<Level> m_levels;
  ChainResult m_result;
};

}  // namespace

ChainResult searchChains(const StageTerms& stage, const StageDual& dual,
                         const std::vector<std::vector<LayerChoice>>& choices,
                         const ChainRequest& request, const MixStop& stop) {
  return ChainSearch(stage, dual, choices, request, stop).run();
}

}  // namespace caracal::planner
