#include "core/planner/stage_dual.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "core/planner/convex_minimum.h"
#include "core/planner/ellipsoid.h"

namespace caracal::planner {
namespace {

constexpr int64_t kPricingNodes = 2'000'000;
constexpr double kToleranceNs = 2;  // of cheapestChoice()

double mlpUseNs(const LayerTerms& terms, const LayerChoice& choice) {
  return ownMlpUseNs(terms, choice) + std::min(choice.prevMlpNs, terms.prevMlp.sharedNs);
}

double bytesAtBackward(const LayerTerms& terms, const LayerChoice& choice) {
  return static_cast<double>(choice.heldBytes +
                             (terms.top() ? choice.backward.peakWith({}) : choice.oldestBytes));
}

// The greatest constant with charge(x) >= perNs * x + constant for all x >= 0, and an x where both
// are equal.
struct ChargeLine {
  double constant = 0;
  double atNs = 0;
};
ChargeLine chargeLine(const WaitCharge& charge, double perNs) {
  if (charge.isLinear()) return {};  // REQUIRES that perNs is no more than the charge's
  const auto excess = [&](int64_t x) {
    return charge.ns(static_cast<double>(x)) - perNs * static_cast<double>(x);
  };
  const int64_t atNs = convexMinimum(int64_t{1} << 40, excess);
  return excess(atNs) < 0 ? ChargeLine{excess(atNs), static_cast<double>(atNs)} : ChargeLine{};
}

class DualSearch {
 public:
  DualSearch(const StageTerms& stage, const MixStop& stop) : m_stage(stage), m_stop(stop) {
    m_counts.assign(stage.places.size(), 0);
    for (const size_t place : stage.placeOf) ++m_counts[place];
    const LayerTerms& any = stage.places.front();
    m_most.forward = stage.charges.forward;
    m_most.backward = stage.charges.backward;
    m_most.pipe = stage.charges.pipe.mostPerNs();
    m_most.early = stage.charges.early.mostPerNs();
    m_most.mlpWindow = m_most.backward * any.share;
    for (const LayerTerms& terms : stage.places) {
      double ns = 0, least = 0;
      for (const OperatorTerms& op : terms.operators) {
        ns += op.ns;
        if (!op.needed || op.retainedBytes == 0) continue;
        const auto bytes =
            static_cast<double>(op.retainedBytes * std::max<int64_t>(1, terms.others));
        least = least == 0 ? bytes : std::min(least, bytes);
      }
      if (least > 0) m_most.perByte = std::max(m_most.perByte, m_most.backward * ns / least);
    }
    m_priceEarly = any.anyEarly() && !stage.charges.early.isLinear();
    m_pricePipe = any.anyEarly() && !stage.charges.pipe.isLinear();
  }

  StageDual run() {
    m_dual.choices.resize(m_stage.places.size());
    constexpr int kRounds = 40;
    for (const double share : {0.0, 1e-4, 1e-2, 1.0}) {
      LayerPrices start = m_most;
      start.perByte *= share;
      start.mlpWindow *= 0.5;
      if (m_pricePipe) start.pipe *= 0.5;
      if (m_priceEarly) start.early *= 0.5;
      evaluate(start);
    }
    for (int round = 0; round < kRounds && !m_stop.requested() && !m_failed; ++round) {
      const LayerPrices next = bestOfPool();
      const double promised = poolValue(next).value;
      const double reached = evaluate(next);
      if (promised - std::max(reached, m_dual.boundNs) < 1e-5 * std::abs(promised) + 1) break;
    }
    m_dual.complete = !m_failed && m_found;
    return std::move(m_dual);
  }

 private:
  std::vector<double*> variablesOf(LayerPrices& prices) const {
    std::vector<double*> variables{&prices.perByte, &prices.mlpWindow};
    if (m_priceEarly) variables.push_back(&prices.early);
    if (m_pricePipe) variables.push_back(&prices.pipe);
    return variables;
  }

  double fixedNs(const LayerPrices& prices) const {
    return chargeLine(m_stage.charges.pipe, prices.pipe).constant +
           chargeLine(m_stage.charges.early, prices.early).constant -
           prices.perByte * static_cast<double>(m_stage.roomBytes) -
           prices.mlpWindow * m_stage.mlpRoomNs;
  }

  using Priced = std::pair<const LayerChoice*, double>;
  static Priced leastKnown(const LayerTerms& terms, const LayerPrices& prices,
                           const std::vector<LayerChoice>& choices) {
    Priced least{nullptr, std::numeric_limits<double>::infinity()};
    for (const LayerChoice& choice : choices) {
      const double priced = pricedNs(terms, prices, choice);
      if (priced < least.second) least = {&choice, priced};
    }
    return least;
  }

  double evaluate(const LayerPrices& prices) {
    StageDual at;
    at.prices = prices;
    at.fixedNs = fixedNs(prices);
    at.boundNs = at.fixedNs - m_stage.roundingNs;
    for (size_t place = 0; place < m_stage.places.size(); ++place) {
      const LayerTerms& terms = m_stage.places[place];
      auto& known = m_dual.choices[place];
      double least = leastKnown(terms, prices, known).second;
      ChoiceList cheaper =
          cheapestChoice(terms, prices, least - kToleranceNs, {kPricingNodes, 1, m_stop});
      if (!cheaper.complete || (cheaper.choices.empty() && known.empty())) {
        m_failed = true;
        return 0;
      }
      if (!cheaper.choices.empty()) {
        least = pricedNs(terms, prices, cheaper.choices.front());
        known.push_back(std::move(cheaper.choices.front()));
      }
      at.leastNs.push_back(least - kToleranceNs);
      at.boundNs += m_counts[place] * at.leastNs.back();
    }
    if (!m_found || at.boundNs > m_dual.boundNs) {
      at.choices = std::move(m_dual.choices);
      m_dual = std::move(at);
      m_found = true;
      return m_dual.boundNs;
    }
    return at.boundNs;
  }

  LayerPrices bestOfPool() {
    LayerPrices prices = m_most;
    const std::vector<double*> variables = variablesOf(prices);
    const auto set = [&](const std::vector<double>& at) {
      LayerPrices most = m_most;
      const std::vector<double*> range = variablesOf(most);
      for (size_t i = 0; i < at.size(); ++i) {
        // Prices of memory differ by orders of magnitude.
        const double share = i == 0 ? at[i] * m_focus : at[i];
        *variables[i] = share * *range[i];
      }
    };
    const auto n = static_cast<double>(variables.size());
    m_focus = 1;
    std::vector<double> best;
    // Once more around a smaller range, when the best price of memory is far below the steepest.
    for (int zoom = 0; zoom < 4; ++zoom) {
      best = maximise(variables.size(), static_cast<int>(14 * n * (n + 1)),
                      [&](const std::vector<double>& at) {
                        set(at);
                        ConcaveValue found = poolValue(prices);
                        LayerPrices most = m_most;
                        const std::vector<double*> range = variablesOf(most);
                        for (size_t i = 0; i < found.gradient.size(); ++i)
                          found.gradient[i] *= *range[i] * (i == 0 ? m_focus : 1);
                        return found;
                      });
      set(best);
      if (best[0] > 0.1) break;
      m_focus *= std::max(1e-3, std::min(1.0, 4 * best[0]));
    }
    return prices;
  }

  ConcaveValue poolValue(const LayerPrices& prices) const {
    ConcaveValue result;
    result.value = fixedNs(prices);
    double bytes = -static_cast<double>(m_stage.roomBytes), mlpNs = -m_stage.mlpRoomNs;
    double early = -chargeLine(m_stage.charges.early, prices.early).atNs;
    double pipe = -chargeLine(m_stage.charges.pipe, prices.pipe).atNs;
    for (size_t place = 0; place < m_stage.places.size(); ++place) {
      const LayerTerms& terms = m_stage.places[place];
      const auto [cheapest, least] = leastKnown(terms, prices, m_dual.choices[place]);
      const auto count = static_cast<double>(m_counts[place]);
      result.value += count * least;
      bytes += count * bytesAtBackward(terms, *cheapest);
      mlpNs += count * mlpUseNs(terms, *cheapest);
      early += count * cheapest->earlyNs;
      pipe += count * cheapest->pipeNs;
    }
    result.gradient = {bytes, mlpNs};
    if (m_priceEarly) result.gradient.push_back(early);
    if (m_pricePipe) result.gradient.push_back(pipe);
    return result;
  }

  const StageTerms& m_stage;
  const MixStop& m_stop;
  std::vector<int> m_counts;  // layers per place
  LayerPrices m_most;
  double m_focus = 1;
  bool m_priceEarly = false, m_pricePipe = false;  // a linear charge is its own best price
  bool m_found = false, m_failed = false;
  StageDual m_dual;
};

}  // namespace

StageTerms::StageTerms(const StageModel& stageModel, PassCharges passCharges, int64_t budgetBytes)
    : model(stageModel), charges(std::move(passCharges)) {
  const plan::StageShape& shape = model.shape();
  const auto kindAt = [&](int32_t layer) {
    return static_cast<int32_t>(shape.profile.layers[static_cast<size_t>(layer)]);
  };
  for (int32_t layer = shape.firstLayer(); layer <= shape.topLayer(); ++layer) {
    const LayerPlace place{kindAt(layer), layer < shape.topLayer() ? kindAt(layer + 1) : kNoKind};
    const auto known = std::find_if(places.begin(), places.end(),
                                    [&](const LayerTerms& terms) { return terms.place == place; });
    placeOf.push_back(static_cast<size_t>(known - places.begin()));
    if (known == places.end()) places.emplace_back(model, place);
    mlpRoomNs += places[placeOf.back()].ownMlp.roomNs;
  }
  if (!(model.contention() == plan::Contention{})) {
    const auto operators = places.front().operators.size() * placeOf.size();
    roundingNs = 2.0 * static_cast<double>(operators) * std::max(charges.forward, charges.backward);
  }
  EndTimeline first, last;
  const int64_t inputBytes = shape.profile.kindOf(shape.firstLayer()).inputBytes;
  first.forward.net = inputBytes;
  if (shape.isFirst())
    first = firstEndTimeline(shape.profile.first, shape.graphs.first, inputBytes);
  if (shape.isLast()) last = lastEndTimeline(shape.profile.last, shape.graphs.last);
  const int64_t ends = first.forward.net + last.forward.net;
  const int64_t used = model.baseBytes() + model.inFlight() * ends + last.backward.net;
  roomBytes = budgetBytes == kNoLimit ? kNoLimit / 4 : budgetBytes - used;
}

StageDual highestBound(const StageTerms& stage, const MixStop& stop) {
  return DualSearch(stage, stop).run();
}

}  // namespace caracal::planner
