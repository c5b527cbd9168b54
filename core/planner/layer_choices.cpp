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

int64_t netOf(const LayerTimeline& timeline, Phase first, Phase last) {
  int64_t bytes = 0;
  for (auto phase = static_cast<size_t>(first); phase <= static_cast<size_t>(last); ++phase)
    bytes += timeline.phases[phase].net;
  return bytes;
}

// Highest of the layer's forward pass and, above the top layer, of the model's last end; less what
// the ends hold later, when the stage's backward begins. Where a stage waits for gradients the
// early work before its backward holds more.
int64_t forwardPeak(const LayerTerms& terms, const LayerTimeline& timeline, int64_t endBytes) {
  const plan::StageShape& shape = terms.model.shape();
  int64_t peak = std::numeric_limits<int64_t>::min(), now = 0;
  if (terms.pipe) return peak;
  for (const Phase phase :
       {Phase::kForward0, Phase::kFwdAttn, Phase::kForward1, Phase::kFwdMlp, Phase::kForward2}) {
    peak = std::max(peak, now + timeline[phase].peak);
    now += timeline[phase].net;
  }
  if (!shape.isLast()) return peak;
  const EndTimeline end = lastEndTimeline(shape.profile.last, shape.graphs.last);
  const int64_t later = end.forward.net + end.backward.net;
  peak -= later;
  if (!terms.top()) return peak;
  return std::max(
      {peak, endBytes + end.forward.peak - later, endBytes + end.backward.peak - end.backward.net});
}

void setBytes(const LayerTerms& terms, LayerChoice& choice) {
  const StageModel& model = terms.model;
  const LayerVariant variant =
      model.variantOf(terms.place.kind, terms.place.above, choice.placements);
  const VariantBytes bytes = model.bytesOf(variant, choice.placements);
  const LayerTimeline& steady = bytes.steady;
  choice.heldBytes = terms.others * netOf(bytes.tail, Phase::kForward0, Phase::kForward2);
  choice.oldestBytes = netOf(steady, Phase::kForward0, Phase::kPipe);
  choice.hosted = {steady[Phase::kPrevBwdMlp], steady[Phase::kPrevBwdAttn], steady.outputBytes};
  choice.backward.lastBackward = steady.lastBackward;
  // The layer above has released this one's output, or the stage has sent it.
  int64_t now =
      choice.oldestBytes + choice.hosted.mlp.net + choice.hosted.attn.net - steady.outputBytes;
  if (terms.top() && !model.shape().isLast())
    choice.heldBytes -= terms.others * bytes.tail.outputBytes;
  int64_t peak = std::max(now, forwardPeak(terms, steady, choice.oldestBytes));
  const auto run = [&](Phase phase) {
    peak = std::max(peak, now + steady[phase].peak);
    now += steady[phase].net;
  };
  const auto peakSince = [&] { return std::exchange(peak, std::numeric_limits<int64_t>::min()); };
  run(Phase::kBackwardMlp);
  choice.backward.beforeMlp = peakSince();
  run(Phase::kOwnBwdMlp);
  const int64_t own = peakSince();  // left out where the input may be gone by then
  if (steady.lastBackward != Phase::kBackwardMlp)
    choice.backward.beforeMlp = std::max(choice.backward.beforeMlp, own);
  choice.backward.atMlp = now;
  run(Phase::kBackwardAttn0);
  choice.backward.beforeAttn = peakSince();
  choice.backward.atAttn = now;
  run(Phase::kBackwardAttn1);
  choice.backward.after = peakSince();
}

LayerChoice choiceOf(const LayerTerms& terms, const LayerPrices& prices,
                     const std::vector<TensorFate>& fates, const WindowChoice& windows) {
  LayerChoice choice;
  for (size_t i = 0; i < fates.size(); ++i) {
    if (fates[i] == TensorFate::kEarly) choice.earlyNs += terms.operators[i].ns;
    if (fates[i] == TensorFate::kLate && terms.operators[i].collective)
      choice.costNs += prices.backward * terms.operators[i].ns;
  }
  choice.pipeNs = windows.pipeNs();
  choice.ownMlpNs = windows.at(Slot::kOwnBwdMlp).operatorsNs;
  choice.closesOwnMlp = windows.at(Slot::kOwnBwdMlp).collectivesNs > 0;
  choice.prevMlpNs = windows.at(Slot::kPrevBwdMlp).operatorsNs;
  choice.costNs += windows.forwardNs();
  choice.costNs += prices.backward * (windows.lateNs() -
                                      terms.prevAttn.savedNs(
                                          windows.at(Slot::kPrevBwdAttn).operatorsNs, terms.share));
  choice.placements = placementsOf(fates, windows.slots());
  setBytes(terms, choice);
  return choice;
}

bool makesSuperfluous(const LayerTerms& terms, const LayerPrices& prices, const LayerChoice& a,
                      const LayerChoice& b) {
  return timeNs(prices, a) <= timeNs(prices, b) && a.heldBytes <= b.heldBytes &&
         a.heldBytes + a.oldestBytes <= b.heldBytes + b.oldestBytes &&
         a.closesOwnMlp <= b.closesOwnMlp &&
         std::min(a.ownMlpNs, terms.ownMlp.roomNs) >= std::min(b.ownMlpNs, terms.ownMlp.roomNs) &&
         std::min(a.prevMlpNs, terms.prevMlp.roomNs) >=
             std::min(b.prevMlpNs, terms.prevMlp.roomNs) &&
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
         saved * (ownNs + std::min(choice.prevMlpNs, terms.prevMlp.roomNs)) +
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
