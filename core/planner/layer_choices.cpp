#include "core/planner/layer_choices.h"

#include <limits>
#include <utility>

#include "core/planner/heu_problem.h"
#include "core/planner/window_choice.h"

namespace caracal::planner {
namespace {

using plan::Slot;

// Choices that are cheaper by no more than this are not looked for.
constexpr double kIndifferentNs = 2;

constexpr double kNever = std::numeric_limits<double>::infinity();

std::vector<plan::Placement> placementsOf(const std::vector<TensorFate>& fates,
                                          const std::vector<Slot>& slots) {
  std::vector<plan::Placement> placements;
  for (size_t i = 0; i < fates.size(); ++i) {
    if (fates[i] == TensorFate::kAbsent)
      placements.push_back({plan::PlacementKind::kDiscarded});
    else if (fates[i] == TensorFate::kKept)
      placements.push_back({plan::PlacementKind::kRetained});
    else
      placements.push_back(placementOf(slots[i]));
  }
  return placements;
}

// Highest of the layer's forward pass and, above the top layer, of the model's last end; less what
// the ends hold later, when the stage's backward begins. Where a stage waits for gradients the
// early work before its backward holds more.
int64_t forwardPeak(const LayerTerms& terms, const LayerTimeline& timeline, int64_t endBytes) {
  const plan::StageShape& shape = terms.model.shape();
  int64_t peak = std::numeric_limits<int64_t>::min(), now = 0;
  if (terms.pipe) return peak;
  const auto run = [&](const PhaseBytes& phase) {
    peak = std::max(peak, now + phase.peak);
    now += phase.net;
  };
  for (size_t window = 0; window < timeline.forwardWindows(); ++window) {
    run(timeline.forward(window));
    run(timeline.besideForward(window));
  }
  run(timeline.forward(timeline.forwardWindows()));
  if (!shape.isLast()) return peak;
  const EndTimeline end = lastEndTimeline(shape.profile.last, shape.graphs.last);
  const int64_t later = end.forward.net + end.backward.net;
  peak -= later;
  if (!terms.top()) return peak;
  return std::max(
      {peak, endBytes + end.forward.peak - later, endBytes + end.backward.peak - end.backward.net});
}

HostedBytes hostedBytes(const LayerTimeline& timeline) {
  HostedBytes hosted{{}, timeline.outputBytes};
  for (size_t window = 0; window < timeline.aboveWindows(); ++window)
    hosted.beside.push_back(timeline.besideAbove(window));
  while (!hosted.beside.empty() && hosted.beside.back() == PhaseBytes{}) hosted.beside.pop_back();
  return hosted;
}

// `now`: when the layer's backward begins; `peak`: highest up to then.
BackwardBytes backwardBytes(const LayerTimeline& timeline, int64_t now, int64_t peak) {
  BackwardBytes bytes;
  bytes.lastBackward = timeline.lastBackward;
  const auto run = [&](const PhaseBytes& phase) {
    peak = std::max(peak, now + phase.peak);
    now += phase.net;
  };
  for (size_t piece = 0; piece <= timeline.backwardWindows(); ++piece) {
    run(timeline.backward(piece));
    const int64_t piecePeak = std::exchange(peak, std::numeric_limits<int64_t>::min());
    bytes.pieces.push_back(piecePeak);
    if (piece == timeline.backwardWindows()) break;
    if (timeline.ownWindow == piece) run(timeline.own());
    // Left out where the input may be gone by then.
    if (timeline.lastBackward != piece) bytes.pieces.back() = std::max(piecePeak, peak);
    peak = std::numeric_limits<int64_t>::min();
    bytes.hosts.push_back(now);
  }
  return bytes;
}

void setBytes(const LayerTerms& terms, const LayerVariant& variant, LayerChoice& choice) {
  const StageModel& model = terms.model;
  const VariantBytes bytes = model.bytesOf(variant, choice.placements);
  const LayerTimeline& steady = bytes.steady;
  choice.heldBytes = terms.others * bytes.tail.forwardNet();
  choice.oldestBytes = steady.forwardNet() + steady.earlyNet();
  choice.hosted = hostedBytes(steady);
  // The layer above has released this one's output, or the stage has sent it.
  const int64_t now = choice.oldestBytes - steady.outputBytes + choice.hosted.hostedNet();
  if (terms.top() && !model.shape().isLast())
    choice.heldBytes -= terms.others * bytes.tail.outputBytes;
  const int64_t peak = std::max(now, forwardPeak(terms, steady, choice.oldestBytes));
  choice.backward = backwardBytes(steady, now, peak);
}

// What a layer rebuilds beside one collective of the layer above.
SlotWork besideAbove(const LayerTerms& terms, const Recomputations& rebuilt, int8_t host) {
  SlotWork work;
  for (size_t op = rebuilt.slots.size(); op-- > 0;) {
    const bool prev =
        rebuilt.slots[op] == Slot::kPrevBwdMlp || rebuilt.slots[op] == Slot::kPrevBwdAttn;
    if (prev && rebuilt.hosts[op] == host) work.add(terms.operators[op]);
  }
  return work;
}

// Hides work beside the collectives above: what is in bwd.mlp goes to prevMlpNs, for it may not be
// free; returns the time saved beside the others.
double hideAbove(const LayerTerms& terms, const LayerVariant& variant, LayerChoice& choice) {
  if (terms.top()) return 0;
  const plan::StageShape& shape = terms.model.shape();
  const auto above = static_cast<size_t>(terms.place.above);
  const plan::LayerGraph& graph = shape.graphs.kinds[above];
  const auto& shared = graph.hostsOf(plan::WindowId::kOwnBwdMlp);
  double savedNs = 0;
  for (const int8_t window : graph.backwardWindows) {
    const double ns = besideAbove(terms, variant.tail, window).operatorsNs;
    if (!shared.empty() && shared.front() == window) {
      choice.prevMlpNs = ns;
    } else {
      const int64_t capacityNs =
          shape.windowNs(shape.profile.kinds[above].windows[static_cast<size_t>(window)]);
      savedNs += terms.share * std::min(ns, static_cast<double>(capacityNs) * terms.roomPerNs);
    }
  }
  return savedNs;
}

LayerChoice choiceOf(const LayerTerms& terms, const LayerPrices& prices,
                     const std::vector<TensorFate>& fates, const WindowChoice& windows) {
  LayerChoice choice;
  for (size_t i = 0; i < fates.size(); ++i) {
    if (fates[i] == TensorFate::kEarly) choice.earlyNs += terms.operators[i].ns;
    if (fates[i] == TensorFate::kLate && terms.operators[i].collective)
      choice.costNs += prices.backward * terms.operators[i].ns;
  }
  choice.placements = placementsOf(fates, windows.slots());
  const LayerVariant variant =
      terms.model.variantOf(terms.place.kind, terms.place.above, choice.placements);
  choice.pipeNs = windows.pipeNs();
  choice.ownMlpNs = windows.at(Slot::kOwnBwdMlp).operatorsNs;
  choice.closesOwnMlp = windows.at(Slot::kOwnBwdMlp).collectivesNs > 0;
  choice.costNs += windows.forwardNs();
  choice.costNs += prices.backward * (windows.lateNs() - hideAbove(terms, variant, choice));
  setBytes(terms, variant, choice);
  return choice;
}

bool makesSuperfluous(const LayerTerms& terms, const LayerPrices& prices, const LayerChoice& a,
                      const LayerChoice& b) {
  return timeNs(prices, a) <= timeNs(prices, b) && a.heldBytes <= b.heldBytes &&
         a.heldBytes + a.oldestBytes <= b.heldBytes + b.oldestBytes &&
         a.closesOwnMlp <= b.closesOwnMlp &&
         std::min(a.ownMlpNs, terms.ownMlp.roomNs) >= std::min(b.ownMlpNs, terms.ownMlp.roomNs) &&
         std::min(a.prevMlpNs, terms.prevMlp.sharedNs) >=
             std::min(b.prevMlpNs, terms.prevMlp.sharedNs) &&
         a.backward.noMoreThan(b.backward) && a.hosted.noMoreThan(b.hosted);
}

// False: `stop` ended it.
bool dropSuperfluous(const LayerTerms& terms, const LayerPrices& prices,
                     std::vector<LayerChoice>& choices, const MixStop& stop) {
  std::stable_sort(choices.begin(), choices.end(), [&](const LayerChoice& a, const LayerChoice& b) {
    return std::pair(timeNs(prices, a), a.oldestBytes) <
           std::pair(timeNs(prices, b), b.oldestBytes);
  });
  std::vector<LayerChoice> kept;
  std::vector<uint32_t> order;  // of those kept; first what has made others superfluous of late
  for (LayerChoice& choice : choices) {
    if (stop.requested()) return false;
    const auto better = std::find_if(order.begin(), order.end(), [&](uint32_t other) {
      return makesSuperfluous(terms, prices, kept[other], choice);
    });
    if (better != order.end()) {
      std::rotate(order.begin(), better, better + 1);
    } else {
      order.push_back(static_cast<uint32_t>(kept.size()));
      kept.push_back(std::move(choice));
    }
  }
  choices = std::move(kept);
  return true;
}

}  // namespace

double pricedNs(const LayerTerms& terms, const LayerPrices& prices, const LayerChoice& choice) {
  const double saved = prices.backward * terms.share - prices.mlpWindow;
  const int64_t held =
      choice.heldBytes + (terms.top() ? choice.backward.peakWith({}) : choice.oldestBytes);
  const double ownNs = std::min(choice.ownMlpNs, terms.ownMlp.roomNs);
  return timeNs(prices, choice) + prices.perByte * static_cast<double>(held) -
         saved * (ownNs + std::min(choice.prevMlpNs, terms.prevMlp.sharedNs)) +
         prices.mlpWindow * (ownMlpUseNs(terms, choice) - ownNs);
}

namespace {

// Memory whatever the windows, at least; the fates' own bound knows it too.
class ChoiceEnumeration {
 public:
  ChoiceEnumeration(const LayerTerms& terms, const LayerPrices& prices)
      : m_terms(terms), m_prices(prices), m_fates(terms, prices), m_windows(terms, prices) {}

  template <class Take>
  ChoiceList run(double limit, const ChoiceLimits& limits, const Take& take) {
    ChoiceList list;
    const double checkpointNs =
        m_prices.perByte * static_cast<double>(m_terms.checkpointBytes) * (1 - 1e-9);
    const auto visit = [&](const std::vector<TensorFate>& fates) {
      m_windows.start(fates);
      const double earlyNs = m_windows.earlyNs() + m_prices.early * earlySum(fates);
      const double memoryNs = m_prices.perByte * static_cast<double>(leastBytes(fates));
      const double fixed = earlyNs + memoryNs + checkpointNs;
      m_windows.late(limit - fixed, [&] {
        limit = take(choiceOf(m_terms, m_prices, fates, m_windows), limit, list.choices);
        return limit - fixed;
      });
      const bool over = list.choices.size() > limits.choices || m_windows.nodes() > limits.nodes;
      list.complete &= !over;
      return over ? -kNever : limit - checkpointNs;
    };
    list.complete &= m_fates.visit(limit - checkpointNs, limits.nodes, limits.stop, visit);
    return list;
  }

 private:
  double earlySum(const std::vector<TensorFate>& fates) const {
    double ns = 0;
    for (size_t i = 0; i < fates.size(); ++i)
      ns += fates[i] == TensorFate::kEarly ? m_terms.operators[i].ns : 0;
    return ns;
  }
  // Held when the stage's backward begins; of the top layer what others hold.
  int64_t leastBytes(const std::vector<TensorFate>& fates) const {
    int64_t bytes = 0;
    for (size_t i = 0; i < fates.size(); ++i) {
      const OperatorTerms& op = m_terms.operators[i];
      const bool kept = fates[i] == TensorFate::kKept;
      if (kept) bytes += m_terms.others * op.retainedBytes;
      if (m_terms.top()) continue;
      if (kept && (op.needed || usedLate(fates, op))) bytes += op.retainedBytes;
      if (fates[i] == TensorFate::kEarly && op.needed) bytes += op.liveBytes;
    }
    return bytes;
  }
  static bool usedLate(const std::vector<TensorFate>& fates, const OperatorTerms& op) {
    return std::any_of(op.consumers.begin(), op.consumers.end(), [&](int16_t consumer) {
      return fates[static_cast<size_t>(consumer)] == TensorFate::kLate;
    });
  }

  const LayerTerms& m_terms;
  LayerPrices m_prices;
  LayerFates m_fates;
  WindowChoice m_windows;
};

}  // namespace

ChoiceList cheapestChoice(const LayerTerms& terms, const LayerPrices& prices, double limitNs,
                          const ChoiceLimits& limits) {
  ChoiceEnumeration enumeration(terms, prices);
  return enumeration.run(limitNs, limits,
                         [&](LayerChoice choice, double limit, std::vector<LayerChoice>& list) {
                           const double priced = pricedNs(terms, prices, choice);
                           if (priced >= limit) return limit;
                           list.assign(1, std::move(choice));
                           return priced - kIndifferentNs;
                         });
}

ChoiceList choicesUpTo(const LayerTerms& terms, const LayerPrices& prices, double limitNs,
                       const ChoiceLimits& limits) {
  ChoiceEnumeration enumeration(terms, prices);
  ChoiceList list = enumeration.run(
      limitNs, limits, [&](LayerChoice choice, double limit, std::vector<LayerChoice>& choices) {
        if (pricedNs(terms, prices, choice) <= limit) choices.push_back(std::move(choice));
        return limit;
      });
  if (list.complete) list.complete = dropSuperfluous(terms, prices, list.choices, limits.stop);
  return list;
}

}  // namespace caracal::planner
