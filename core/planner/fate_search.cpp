#include "core/planner/fate_search.h"

#include <algorithm>

namespace caracal::planner {

FateSearch::FateSearch(const HeuProblem& problem, const StageModel& model, const StageGaps& gaps,
                       int64_t budgetBytes, WindowCosts* costs, MixStop stop)
    : m_table(problem, model),
      m_budgetBytes(budgetBytes),
      m_stop(std::move(stop)),
      m_windows(model, gaps),
      m_costs(costs),
      m_prices(m_table, m_windows, budgetBytes),
      m_moments(m_table, problem, model) {
  m_fates.assign(m_table.size(), Fate::kAbsent);
  for (auto& pairs : m_pairNs) pairs.assign(m_table.size() * m_table.size(), -1);
  m_leastBytesFrom.assign(m_table.size() + 1, Rows{});
  for (size_t v = m_table.size(); v-- > 0;) {
    const FateVariable& variable = m_table[v];
    for (size_t row = 0; row < kRowCount; ++row) {
      int64_t least =
          std::min({variable.bytesOf(Fate::kKept)[row], variable.bytesOf(Fate::kLate)[row],
                    variable.bytesOf(Fate::kLateMlp)[row]});
      if (variable.mayBeEarly) least = std::min(least, variable.bytesOf(Fate::kEarly)[row]);
      if (!variable.needed) least = std::min(least, variable.bytesOf(Fate::kAbsent)[row]);
      m_leastBytesFrom[v][row] = m_leastBytesFrom[v + 1][row] + least;
    }
  }
  Node root;
  root.bytes = m_table.baseBytes();
  root.price = m_prices.least();
  m_nodes.push_back(root);
  m_queue.push({root.bound, 0, 0});
}

void FateSearch::readFates(int32_t index) {
  const size_t depth = m_nodes[static_cast<size_t>(index)].depth;
  std::fill(m_fates.begin() + static_cast<ptrdiff_t>(depth), m_fates.end(), Fate::kAbsent);
  for (; index > 0; index = m_nodes[static_cast<size_t>(index)].parent) {
    const Node& node = m_nodes[static_cast<size_t>(index)];
    m_fates[node.depth - size_t{1}] = node.fate;
  }
}

// Complete fates also at the moments of their recomputations.
bool FateSearch::fits(const Node& node) {
  if (m_budgetBytes == kNoLimit) return true;
  for (size_t row = 0; row < kRowCount; ++row) {
    if (node.bytes[row] + m_leastBytesFrom[node.depth][row] > m_budgetBytes) return false;
  }
  if (node.depth < m_table.size()) return true;
  m_fates[node.depth - size_t{1}] = node.fate;
  const bool fit = m_moments.leastPeak(m_fates, node.bytes) <= m_budgetBytes;
  m_fates[node.depth - size_t{1}] = Fate::kAbsent;
  return fit;
}

void FateSearch::push(const Node& from, int32_t parent, size_t variable, Fate fate) {
  constexpr double kTrust = 1 - 1e-9;  // sums of doubles, made safe as lower bounds
  const FateVariable& v = m_table[variable];
  Node node = from;
  node.parent = parent;
  node.depth = static_cast<uint16_t>(variable + 1);
  node.fate = fate;
  const Rows bytes = m_table.bytesOf(variable, fate, m_fates);
  for (size_t row = 0; row < kRowCount; ++row) node.bytes[row] += bytes[row];
  if (!fits(node)) return;
  if (fate == Fate::kEarly) node.work.earlyNs += v.ns;
  if (fate >= Fate::kLate) {
    (v.collective ? node.work.lateCollectiveNs : node.work.lateNs) += v.ns;
    if (fate == Fate::kLate && !v.collective) node.work.lateOwnNs += v.ns;
  }
  if (fate >= Fate::kEarly) {
    node.recomputeNs += v.ns;
    node.pooledNs[static_cast<size_t>(workOf(fate))] =
        fate == Fate::kEarly ? m_windows.earlyCostNs(node.work.earlyNs)
                             : m_windows.lateCostNs(node.work);
  }
  const FatePrices::Sums change = m_prices.change(variable, fate, bytes, m_fates);
  for (size_t d = 0; d < change.size(); ++d) node.price[d] += change[d];
  const double priced = std::max(node.price[0], node.price[1]) * kTrust;
  if (fate >= Fate::kEarly && m_costs != nullptr) {
    const Work work = workOf(fate);
    int64_t& pairNs = node.pairNs[static_cast<size_t>(work)];
    pairNs = std::max(pairNs, dearestPairNs(work, variable));
  }
  const int64_t windowsNs =
      std::max(node.pooledNs[0], node.pairNs[0]) + std::max(node.pooledNs[1], node.pairNs[1]);
  node.bound.objectiveNs =
      std::max({from.bound.objectiveNs, windowsNs, static_cast<int64_t>(priced)});
  node.bound.recomputeNs = std::max(
      {from.bound.recomputeNs, node.recomputeNs, static_cast<int64_t>(node.price[2] * kTrust)});
  m_queue.push({node.bound, node.depth, static_cast<int32_t>(m_nodes.size())});
  m_nodes.push_back(node);
}

// Two tensors cannot share windows as if they were one pool; this one with each of the others.
int64_t FateSearch::dearestPairNs(Work work, size_t variable) {
  auto& known = m_pairNs[static_cast<size_t>(work)];
  int64_t dearest = 0;
  for (size_t other = 0; other <= variable; ++other) {
    if (other < variable && (m_fates[other] < Fate::kEarly || workOf(m_fates[other]) != work))
      continue;
    int64_t& ns = known[variable * m_table.size() + other];
    if (ns < 0) ns = m_costs->leastNs(work, {other, variable});
    dearest = std::max(dearest, ns);
  }
  return dearest;
}

void FateSearch::expand(int32_t index) {
  const Node from = m_nodes[static_cast<size_t>(index)];
  const size_t variable = from.depth;
  readFates(index);
  const Level level = m_table.levelOf(variable, m_fates);
  if (level == kNotAsked) {
    push(from, index, variable, Fate::kAbsent);
    return;
  }
  push(from, index, variable, Fate::kKept);
  if (m_table[variable].mayBeEarly) push(from, index, variable, Fate::kEarly);
  if (level == kAskedMlp) push(from, index, variable, Fate::kLateMlp);
  if (level == kAskedLate) push(from, index, variable, Fate::kLate);
}

bool FateSearch::next(int64_t nodeLimit, Found& found) {
  while (!m_queue.empty()) {
    const Queued top = m_queue.top();
    m_queue.pop();
    if (top.depth == m_table.size()) {
      readFates(top.node);
      found = {m_fates, top.bound};
      return true;
    }
    constexpr int64_t kPollEvery = 256;
    if (nodes() >= nodeLimit || (m_polls++ % kPollEvery == 0 && m_stop.requested())) {
      m_stopped = true;
      return false;
    }
    expand(top.node);
  }
  return false;
}

}  // namespace caracal::planner
