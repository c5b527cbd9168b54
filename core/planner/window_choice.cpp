#include "core/planner/window_choice.h"

#include <algorithm>
#include <limits>

#include "core/plan/recompute_hosts.h"

namespace caracal::planner {

using plan::Slot;

void WindowChoice::start(const std::vector<TensorFate>& fates) {
  m_fates = &fates;
  m_bestEarlyNs = std::numeric_limits<double>::infinity();
  m_restNs = 0;
  m_slots.assign(fates.size(), Slot::kNone);
  assignEarly(fates.size());
  m_slots = m_bestEarly;
  for (size_t i = 0; i < fates.size(); ++i) {
    if (fates[i] == TensorFate::kLate && !m_terms.operators[i].collective)
      m_restNs += m_terms.operators[i].ns;
  }
  m_lateNs = m_restNs;
}

void WindowChoice::late(double limit, const Visit& visit) {
  m_limit = limit;
  assignLate(m_slots.size(), visit);
}

double WindowChoice::earlyPrice() const {
  const auto beyond = [&](const HostWindow& window, Slot slot) {
    return at(slot).allNs() - window.savedNs(at(slot).hideableNs(window), m_terms.share);
  };
  return m_prices.forward *
             (beyond(m_terms.fwdAttn, Slot::kFwdAttn) + beyond(m_terms.fwdMlp, Slot::kFwdMlp)) +
         m_prices.pipe * at(Slot::kPipe).allNs();
}

// The price of late work, were what is not assigned yet to go wherever it saves most.
double WindowChoice::latePrice() const {
  const double saved = m_prices.backward * m_terms.share;
  double price = m_prices.backward * m_lateNs;
  for (const Slot slot : {Slot::kPrevBwdMlp, Slot::kPrevBwdAttn, Slot::kOwnBwdMlp,
                          Slot::kOnDemandMlp, Slot::kOnDemandAttn})
    price += m_prices.backward * at(slot).collectivesNs;
  double restNs = m_restNs;  // fills what is free, where it saves most first
  const auto hides = [&](const HostWindow& window, Slot slot) {
    const double hidden = std::min(at(slot).hideableNs(window), window.roomNs);
    const double more = std::min(restNs, window.roomNs - hidden);
    restNs -= more;
    return hidden + more;
  };
  const double attn = hides(m_terms.prevAttn, Slot::kPrevBwdAttn);
  const double prevMlp = hides(m_terms.prevMlp, Slot::kPrevBwdMlp);
  const double shared = std::max(0.0, prevMlp - m_terms.prevMlp.unsharedNs());
  const double mlp = shared + hides(m_terms.ownMlp, Slot::kOwnBwdMlp);
  return price - saved * (attn + prevMlp - shared) - (saved - m_prices.mlpWindow) * mlp;
}

// With work shared out over several collectives as it will be.
double WindowChoice::splitEarlyPrice() const {
  Recomputations rebuilt{m_slots, {}};
  rebuilt.hosts =
      plan::recomputeHosts(m_terms.model.shape(), {m_terms.place.kind, kNoKind}, m_slots);
  return m_prices.forward *
             static_cast<double>(m_terms.model.forwardExtraNs(m_terms.place.kind, rebuilt)) +
         m_prices.pipe * at(Slot::kPipe).allNs();
}

Slot WindowChoice::earliestUse(size_t index) const {
  Slot slot = Slot::kNone;
  for (const int16_t consumer : m_terms.operators[index].consumers)
    slot = std::min(slot, m_slots[static_cast<size_t>(consumer)]);
  return slot;
}

// The cheapest windows; among equals the latest.
void WindowChoice::assignEarly(size_t undecided) {
  while (undecided > 0 && (*m_fates)[undecided - 1] != TensorFate::kEarly) --undecided;
  ++m_nodes;
  const double cost = earlyPrice();
  if (cost >= m_bestEarlyNs) return;
  if (undecided == 0) {
    const bool split = m_terms.fwdAttn.split || m_terms.fwdMlp.split;
    const double exact = split ? splitEarlyPrice() : cost;
    if (exact >= m_bestEarlyNs) return;
    m_bestEarlyNs = exact;
    m_bestPipeNs = at(Slot::kPipe).allNs();
    m_bestEarly = m_slots;
    return;
  }
  const size_t index = undecided - 1;
  const Slot deadline = std::min(Slot::kPipe, earliestUse(index));
  for (const auto& [exists, slot] :
       {std::pair{m_terms.pipe, Slot::kPipe}, std::pair{m_terms.fwdMlp.exists, Slot::kFwdMlp},
        std::pair{m_terms.fwdAttn.exists, Slot::kFwdAttn}}) {
    if (!exists || slot > deadline) continue;
    place(index, slot, [&] { assignEarly(index); });
  }
}

void WindowChoice::assignLate(size_t undecided, const Visit& visit) {
  while (undecided > 0 && (*m_fates)[undecided - 1] != TensorFate::kLate) --undecided;
  ++m_nodes;
  if (latePrice() > m_limit) return;
  if (undecided == 0) {
    m_limit = visit();
    return;
  }
  const size_t index = undecided - 1;
  const OperatorTerms& op = m_terms.operators[index];
  Slot deadline = op.readInMlp ? Slot::kOnDemandMlp : Slot::kOnDemandAttn;
  deadline = std::min(deadline, earliestUse(index));
  const bool window = !op.output;
  const bool toMlp = deadline < Slot::kOnDemandAttn;  // on demand is as late as it can be
  const double restNs = m_restNs;
  if (!op.collective) m_restNs -= op.ns;
  for (const auto& [exists, slot] :
       {std::pair{window && m_terms.ownMlp.exists, Slot::kOwnBwdMlp},
        std::pair{window && m_terms.prevAttn.exists, Slot::kPrevBwdAttn},
        std::pair{window && m_terms.prevMlp.exists, Slot::kPrevBwdMlp},
        std::pair{true, toMlp ? Slot::kOnDemandMlp : Slot::kOnDemandAttn}}) {
    if (!exists || slot > deadline) continue;
    place(index, slot, [&] { assignLate(index, visit); });
  }
  m_restNs = restNs;
}

}  // namespace caracal::planner
