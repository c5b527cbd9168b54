#include "core/planner/layer_fates.h"

#include <cmath>
#include <initializer_list>

namespace caracal::planner {
namespace {

// Sums of doubles in another order: what a bound gives away to stay one.
double slackOf(double value) {
  return 1e-9 * std::abs(value) + 1e-6;
}

}  // namespace

LayerFates::LayerFates(const LayerTerms& terms, const LayerPrices& prices)
    : m_terms(terms), m_prices(prices), m_fates(terms.operators.size(), TensorFate::kAbsent) {
  m_pastForward = m_terms.pipe ? std::min(prices.forward, prices.pipe) : prices.forward;
  if (!m_terms.fwdAttn.exists && !m_terms.fwdMlp.exists) m_pastForward = prices.pipe;
  addSlopes();
}

// The least that so much early work costs in any windows.
double LayerFates::earlyCost(double ns) const {
  const double room = m_terms.fwdAttn.roomNs + m_terms.fwdMlp.roomNs;
  const double inside = std::min(m_pastForward, m_prices.forward * (1 - m_terms.share));
  return m_prices.early * ns + inside * std::min(ns, room) +
         m_pastForward * std::max(0.0, ns - room);
}

double LayerFates::lateCost(double ns) const {
  const double saved = m_prices.backward * m_terms.share;
  const double alone = std::min(ns, m_terms.prevAttn.roomNs + m_terms.prevMlp.unsharedNs());
  const double mlp = std::min(ns - alone, m_terms.prevMlp.sharedNs + m_terms.ownMlp.roomNs);
  return m_prices.backward * ns - saved * alone - (saved - m_prices.mlpWindow) * mlp;
}

// Both costs are convex: a slope touches them at one of the kinks.
void LayerFates::addSlopes() {
  const double earlyKink = m_terms.fwdAttn.roomNs + m_terms.fwdMlp.roomNs;
  const double aloneKink = m_terms.prevAttn.roomNs + m_terms.prevMlp.unsharedNs();
  const double lateKink = aloneKink + m_terms.prevMlp.sharedNs + m_terms.ownMlp.roomNs;
  const double earlyLow = earlyKink > 0 ? earlyCost(earlyKink) / earlyKink : m_prices.early;
  const double earlyHigh = m_prices.early + m_pastForward;
  const double lateLow = m_prices.backward * (1 - m_terms.share);
  const double lateMiddle = lateLow + m_prices.mlpWindow;
  std::vector<Slope> tried;
  for (const double share : {0.0, 0.5, 1.0}) {
    const double perEarly = earlyLow + share * (earlyHigh - earlyLow);
    if (share > 0 && (!m_terms.anyEarly() || earlyHigh <= earlyLow)) break;
    for (const double perLate : {lateLow, (lateLow + lateMiddle) / 2, lateMiddle,
                                 (lateMiddle + m_prices.backward) / 2, m_prices.backward}) {
      for (const double mlpShare : {0.0, 1.0}) {
        if (mlpShare > 0 && !m_terms.top()) break;
        Slope slope{perEarly, perLate, 0, mlpShare, {}};
        slope.constant = std::min(0.0, earlyCost(earlyKink) - perEarly * earlyKink);
        double late = 0;
        for (const double kink : {aloneKink, lateKink})
          late = std::min(late, lateCost(kink) - perLate * kink);
        slope.constant += late;
        price(slope);
        tried.push_back(std::move(slope));
      }
    }
  }
  std::stable_sort(tried.begin(), tried.end(),
                   [&](const Slope& a, const Slope& b) { return rootOf(a) > rootOf(b); });
  tried.resize(std::min(tried.size(), kSlopes));
  m_slopes = std::move(tried);
}

LayerFates::Sums LayerFates::bytesOf(size_t index, TensorFate fate, bool usedLate) const {
  const OperatorTerms& op = m_terms.operators[index];
  Sums sums;
  const auto hold = [&](int64_t bytes, bool inMlp) {
    const auto value = static_cast<double>(bytes);
    if (!m_terms.top() || !op.readInMlp) sums.attnBytes += value;
    if (inMlp) sums.mlpBytes += value;
  };
  if (fate == TensorFate::kKept) {
    sums.everyBytes = static_cast<double>(m_terms.others * op.retainedBytes);
    if (op.needed || (usedLate && !m_terms.top())) hold(op.retainedBytes, true);
  }
  if (!op.needed) return sums;
  if (fate == TensorFate::kEarly) hold(op.liveBytes, true);
  if (fate == TensorFate::kLate && m_terms.top()) hold(op.liveBytes, op.readInMlp);
  return sums;
}

double LayerFates::tensorPrice(const Slope& slope, size_t index, TensorFate fate) const {
  const OperatorTerms& op = m_terms.operators[index];
  const Sums bytes = bytesOf(index, fate, false);
  double price = m_prices.perByte * (bytes.everyBytes + slope.mlpShare * bytes.mlpBytes +
                                     (1 - slope.mlpShare) * bytes.attnBytes);
  if (fate == TensorFate::kEarly)
    price += op.ns * (op.collective ? m_prices.early + m_pastForward : slope.perEarlyNs);
  if (fate == TensorFate::kLate)
    price += op.ns * (op.collective ? m_prices.backward : slope.perLateNs);
  return price;
}

void LayerFates::price(Slope& slope) const {
  slope.least.assign(m_terms.operators.size(), {});
  for (size_t index = 0; index < m_terms.operators.size(); ++index) {
    const OperatorTerms& op = m_terms.operators[index];
    // Rebuilding also takes what is made for this tensor alone.
    const auto rebuilt = [&](TensorFate fate) {
      double total = tensorPrice(slope, index, fate);
      for (const int16_t input : op.inputs) {
        const OperatorTerms& source = m_terms.operators[static_cast<size_t>(input)];
        if (!source.needed && source.consumers.size() == 1)
          total += slope.least[static_cast<size_t>(input)][asked(fate)];
      }
      return total;
    };
    auto& least = slope.least[index];
    least[kAskedEarly] = tensorPrice(slope, index, TensorFate::kKept);
    if (m_terms.anyEarly() && !op.output)
      least[kAskedEarly] = std::min(least[kAskedEarly], rebuilt(TensorFate::kEarly));
    least[kAskedLate] = std::min(least[kAskedEarly], rebuilt(TensorFate::kLate));
    least[kNotAsked] = op.needed ? least[kAskedLate] : 0;
  }
}

double LayerFates::rootOf(const Slope& slope) const {
  double sum = slope.constant;
  for (const auto& least : slope.least) sum += least[kNotAsked];
  return sum;
}

double LayerFates::boundOf(const Sums& sums) const {
  const double held = sums.everyBytes + std::max(sums.mlpBytes, sums.attnBytes);
  double bound =
      m_prices.perByte * held + earlyCost(sums.earlyNs) + lateCost(sums.lateNs) + sums.charged;
  for (size_t s = 0; s < m_slopes.size(); ++s) bound = std::max(bound, sums.priced[s]);
  return bound - slackOf(bound);
}

LayerFates::Level LayerFates::asked(TensorFate fate) {
  if (fate == TensorFate::kEarly) return kAskedEarly;
  return fate == TensorFate::kLate ? kAskedLate : kNotAsked;
}

LayerFates::Level LayerFates::levelOf(size_t index) const {
  const OperatorTerms& op = m_terms.operators[index];
  Level level = op.needed ? kAskedLate : kNotAsked;
  for (const int16_t consumer : op.consumers)
    level = std::max(level, asked(m_fates[static_cast<size_t>(consumer)]));
  return level;
}

bool LayerFates::usedLate(size_t index) const {
  const auto& consumers = m_terms.operators[index].consumers;
  return std::any_of(consumers.begin(), consumers.end(), [&](int16_t consumer) {
    return m_fates[static_cast<size_t>(consumer)] == TensorFate::kLate;
  });
}

void LayerFates::choose(size_t index, TensorFate fate, Level level, Sums sums) {
  const OperatorTerms& op = m_terms.operators[index];
  const Sums bytes = bytesOf(index, fate, usedLate(index));
  sums.everyBytes += bytes.everyBytes;
  sums.mlpBytes += bytes.mlpBytes;
  sums.attnBytes += bytes.attnBytes;
  if (fate == TensorFate::kEarly && op.collective)
    sums.charged += op.ns * (m_prices.early + m_pastForward);
  if (fate == TensorFate::kEarly && !op.collective) sums.earlyNs += op.ns;
  if (fate == TensorFate::kLate && op.collective) sums.charged += op.ns * m_prices.backward;
  if (fate == TensorFate::kLate && !op.collective) sums.lateNs += op.ns;
  for (size_t s = 0; s < m_slopes.size(); ++s) {
    const Slope& slope = m_slopes[s];
    double change = tensorPrice(slope, index, fate) - slope.least[index][level];
    if (fate == TensorFate::kEarly || fate == TensorFate::kLate) {
      for (const int16_t input : op.inputs) {
        const auto& least = slope.least[static_cast<size_t>(input)];
        const Level before = levelOf(static_cast<size_t>(input));
        change += least[std::max(before, asked(fate))] - least[before];
      }
    }
    sums.priced[s] += change;
  }
  m_fates[index] = fate;
  decide(index, sums);
  m_fates[index] = TensorFate::kAbsent;
}

void LayerFates::decide(size_t undecided, const Sums& sums) {
  constexpr int64_t kPollEvery = 256;
  if (++m_nodes > m_nodeLimit || (m_nodes % kPollEvery == 0 && m_stop->requested()))
    m_stopped = true;
  if (m_stopped || boundOf(sums) > m_limit) return;
  if (undecided == 0) {
    m_limit = (*m_visit)(m_fates);
    return;
  }
  const size_t index = undecided - 1;
  const OperatorTerms& op = m_terms.operators[index];
  const Level level = levelOf(index);
  if (level == kNotAsked) {
    choose(index, TensorFate::kAbsent, level, sums);
    return;
  }
  if (level != kAskedEarly) choose(index, TensorFate::kLate, level, sums);
  if (m_terms.anyEarly() && !op.output) choose(index, TensorFate::kEarly, level, sums);
  choose(index, TensorFate::kKept, level, sums);
}

bool LayerFates::visit(double limit, int64_t nodeLimit, const MixStop& stop, const Visit& visit) {
  m_limit = limit;
  m_nodeLimit = nodeLimit;
  m_nodes = 0;
  m_stopped = false;
  m_stop = &stop;
  m_visit = &visit;
  Sums root;
  for (size_t s = 0; s < m_slopes.size(); ++s) root.priced[s] = rootOf(m_slopes[s]);
  decide(m_terms.operators.size(), root);
  return !m_stopped;
}

}  // namespace caracal::planner
