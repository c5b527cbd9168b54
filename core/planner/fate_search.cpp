#include "core/planner/fate_search.h"

#include <algorithm>
#include <cmath>

namespace caracal::planner {
namespace {

constexpr double kTrust = 1 - 1e-9;  // sums of doubles, made safe as lower bounds

size_t at(Fate fate) {
  return static_cast<size_t>(fate);
}

bool isEarly(Choice choice) {
  return choice == Choice::kFwdAttn || choice == Choice::kFwdMlp || choice == Choice::kPipe;
}

}  // namespace

FateSearch::FateSearch(const HeuProblem& problem, const StageModel& model, const StageGaps& gaps,
                       int64_t budgetBytes, std::stop_token stop)
    : m_problem(problem),
      m_budgetBytes(budgetBytes),
      m_stop(std::move(stop)),
      m_windows(model, gaps) {
  const auto& variables = problem.variables();
  const size_t count = variables.size();
  m_inputs.resize(count);
  m_consumers.resize(count);
  m_fates.assign(count, Fate::kAbsent);
  m_bytes.resize(count);
  for (size_t v = 0; v < count; ++v) {
    const Variable& variable = variables[v];
    const auto kind = static_cast<size_t>(variable.kind);
    for (int16_t input : model.shape().graphs.kinds[kind].operators[variable.op].inputs) {
      if (input < 0) continue;
      const size_t source = problem.variableOf(variable.kind, input);
      m_inputs[v].push_back(source);
      m_consumers[source].push_back(v);
    }
    Rows late;
    late.fill(kNoLimit);
    Rows early = late;
    bool mayBeEarly = false;
    for (Choice choice : variable.recomputeChoices) {
      Rows& least = isEarly(choice) ? early : late;
      mayBeEarly |= isEarly(choice);
      if (variable.needed && slotOf(choice) > variable.deadline) continue;
      for (size_t row = 0; row < kRowCount; ++row)
        least[row] = std::min(least[row], variable.bytes[static_cast<size_t>(choice)][row]);
    }
    m_early.push_back(mayBeEarly);
    m_bytes[v] = {variable.bytes[static_cast<size_t>(Choice::kDiscard)],
                  variable.bytes[static_cast<size_t>(Choice::kRetain)], early, late,
                  variable.bytes[static_cast<size_t>(Choice::kOnDemandMlp)]};
  }
  m_leastBytesFrom.assign(count + 1, Rows{});
  for (size_t v = count; v-- > 0;) {
    for (size_t row = 0; row < kRowCount; ++row) {
      int64_t least = std::min({m_bytes[v][at(Fate::kKept)][row], m_bytes[v][at(Fate::kLate)][row],
                                m_bytes[v][at(Fate::kLateMlp)][row]});
      if (m_early[v]) least = std::min(least, m_bytes[v][at(Fate::kEarly)][row]);
      if (!variables[v].needed) least = std::min(least, m_bytes[v][at(Fate::kAbsent)][row]);
      m_leastBytesFrom[v][row] = m_leastBytesFrom[v + 1][row] + least;
    }
  }
  chooseDuals();
  Node root;
  root.bytes = problem.baseBytes();
  for (size_t d = 0; d < kDuals; ++d)
    root.price[d] =
        m_duals[d].constant() + memoryConstant(m_duals[d]) + priceAll(m_duals[d], m_prices[d]);
  m_nodes.push_back(root);
  m_queue.push({root.bound, 0, 0});
}

double FateSearch::price(const Dual& dual, size_t variable, Fate fate) const {
  const Variable& v = m_problem.variables()[variable];
  const double bytes =
      dual.perByte *
      static_cast<double>(m_bytes[variable][at(fate)][static_cast<size_t>(dual.row)]);
  const double ns = static_cast<double>(v.layers) * static_cast<double>(v.forwardNs);
  if (fate == Fate::kEarly) return bytes + dual.perEarlyNs * ns;
  if (fate >= Fate::kLate)
    return bytes + (v.collective ? dual.perLateCollectiveNs : dual.perLateNs) * ns;
  return bytes;
}

double FateSearch::priceAll(const Dual& dual, std::vector<Prices>& prices) const {
  const auto& variables = m_problem.variables();
  prices.assign(variables.size(), Prices{});
  double sum = 0;
  for (size_t v = variables.size(); v-- > 0;) {  // sources before what is made from them
    // Rebuilding also takes what is made for this tensor alone.
    const auto rebuilt = [&](Fate fate, Level level) {
      double total = price(dual, v, fate);
      for (size_t input : m_inputs[v]) {
        if (!variables[input].needed && m_consumers[input].size() == 1)
          total += prices[input][level];
      }
      return total;
    };
    double early = price(dual, v, Fate::kKept);
    if (m_early[v]) early = std::min(early, rebuilt(Fate::kEarly, kAskedEarly));
    prices[v][kAskedEarly] = early;
    prices[v][kAskedMlp] = std::min(early, rebuilt(Fate::kLateMlp, kAskedMlp));
    prices[v][kAskedLate] = std::min(early, rebuilt(Fate::kLate, kAskedLate));
    const bool mlp = variables[v].deadline == plan::Slot::kOnDemandMlp;
    prices[v][kNotAsked] = variables[v].needed ? prices[v][mlp ? kAskedMlp : kAskedLate] : 0;
    sum += prices[v][kNotAsked];
  }
  return sum;
}

double FateSearch::memoryConstant(const Dual& dual) const {
  if (m_budgetBytes == kNoLimit) return 0;  // without a limit, memory has no price
  const auto row = static_cast<size_t>(dual.row);
  return dual.perByte * static_cast<double>(m_problem.baseBytes()[row] - m_budgetBytes);
}

double FateSearch::valueOf(const Dual& dual) {
  return dual.constant() + memoryConstant(dual) + priceAll(dual, m_scratch);
}

// Golden section: the value is concave in each multiplier.
void FateSearch::maximise(Dual& dual, double& value, double Dual::*of, double most) {
  constexpr double kGolden = 0.6180339887498949;
  constexpr int kSteps = 16;
  Dual tried = dual;
  const auto evaluate = [&](double x) {
    tried.*of = x;
    if (of == &Dual::perLateNs) tried.lateConstant = m_windows.lateConstant(x);
    const double found = valueOf(tried);
    if (found > value) {
      value = found;
      dual = tried;
    }
    return found;
  };
  double low = 0, high = most;
  double a = high - kGolden * (high - low), b = low + kGolden * (high - low);
  double atA = evaluate(a), atB = evaluate(b);
  for (int step = 0; step < kSteps; ++step) {
    if (atA < atB) {
      low = a, a = b, atA = atB;
      b = low + kGolden * (high - low);
      atB = evaluate(b);
    } else {
      high = b, b = a, atB = atA;
      a = high - kGolden * (high - low);
      atA = evaluate(a);
    }
  }
}

void FateSearch::maximiseEarly(Dual& dual, double& value) {
  int best = PooledWindows::kSlopes;
  for (int stride = PooledWindows::kSlopes / 2; stride > 0; stride /= 2) {
    for (const int step : {best - stride, best + stride}) {
      if (step < 0 || step > PooledWindows::kSlopes) continue;
      Dual tried = dual;
      tried.perEarlyNs = m_windows.earlySlope(step);
      tried.earlyConstant = m_windows.earlyConstant(step);
      const double found = valueOf(tried);
      if (found <= value) continue;
      value = found;
      dual = tried;
      best = step;
    }
  }
}

// A price per byte at which every tensor would be rebuilt, for work that costs this much.
double FateSearch::steepestPerByte(Row row, double perNs) const {
  double most = 0;
  for (size_t v = 0; v < m_bytes.size(); ++v) {
    const Variable& variable = m_problem.variables()[v];
    const int64_t bytes = m_bytes[v][at(Fate::kKept)][static_cast<size_t>(row)];
    if (bytes <= 0) continue;
    const double ns =
        static_cast<double>(variable.layers) * static_cast<double>(variable.forwardNs);
    most = std::max(most, perNs * ns / static_cast<double>(bytes));
  }
  return 4 * most;
}

FateSearch::Dual FateSearch::bestDual(Row row) {
  Dual dual;
  dual.row = row;
  dual.perEarlyNs = m_windows.steepestEarly();
  dual.perLateNs = dual.perLateCollectiveNs = m_windows.steepestLate();
  dual.earlyConstant = m_windows.earlyConstant(PooledWindows::kSlopes);
  dual.lateConstant = m_windows.lateConstant(dual.perLateNs);
  const double most = steepestPerByte(row, dual.perLateNs);
  const bool anyEarly = std::find(m_early.begin(), m_early.end(), true) != m_early.end();
  double value = valueOf(dual);
  for (int round = 0; round < 2; ++round) {
    maximise(dual, value, &Dual::perByte, most);
    maximise(dual, value, &Dual::perLateNs, m_windows.steepestLate());
    if (anyEarly) maximiseEarly(dual, value);
  }
  return dual;
}

FateSearch::Dual FateSearch::leastRecompute(Row row) {
  Dual dual;
  dual.row = row;
  dual.perEarlyNs = dual.perLateNs = dual.perLateCollectiveNs = 1;
  double value = valueOf(dual);
  maximise(dual, value, &Dual::perByte, steepestPerByte(row, 1));
  return dual;
}

void FateSearch::chooseDuals() {
  if (m_budgetBytes == kNoLimit) return;
  std::array<std::pair<double, Dual>, kRowCount> found;
  double most = -1;
  for (size_t row = 0; row < kRowCount; ++row) {
    const Dual dual = bestDual(static_cast<Row>(row));
    found[row] = {valueOf(dual), dual};
    const Dual least = leastRecompute(static_cast<Row>(row));
    if (const double value = valueOf(least); value > most) {
      most = value;
      m_duals[2] = least;
    }
  }
  std::stable_sort(found.begin(), found.end(),
                   [](const auto& a, const auto& b) { return a.first > b.first; });
  m_duals[0] = found[0].second;
  m_duals[1] = found[1].second;
}

void FateSearch::readFates(int32_t index) {
  for (; index > 0; index = m_nodes[static_cast<size_t>(index)].parent) {
    const Node& node = m_nodes[static_cast<size_t>(index)];
    m_fates[node.depth - size_t{1}] = node.fate;
  }
}

FateSearch::Level FateSearch::levelOf(size_t variable) const {
  const Variable& v = m_problem.variables()[variable];
  Level level = kNotAsked;
  if (v.needed) level = v.deadline == plan::Slot::kOnDemandMlp ? kAskedMlp : kAskedLate;
  for (size_t consumer : m_consumers[variable]) level = std::max(level, asked(m_fates[consumer]));
  return level;
}

// Of the inputs of what has this fate.
FateSearch::Level FateSearch::asked(Fate fate) {
  switch (fate) {
    case Fate::kEarly:
      return kAskedEarly;
    case Fate::kLateMlp:
      return kAskedMlp;
    case Fate::kLate:
      return kAskedLate;
    default:
      return kNotAsked;
  }
}

Rows FateSearch::bytesOf(size_t variable, Fate fate) const {
  Rows bytes = m_bytes[variable][at(fate)];
  const Variable& v = m_problem.variables()[variable];
  if (fate != Fate::kKept || v.needed) return bytes;
  for (size_t consumer : m_consumers[variable]) {
    if (m_fates[consumer] < Fate::kLate) continue;
    for (size_t row = 0; row < kRowCount; ++row) bytes[row] += v.lateSourceBytes[row];
    return bytes;
  }
  return bytes;
}

void FateSearch::push(const Node& from, int32_t parent, size_t variable, Fate fate, Level level) {
  const Variable& v = m_problem.variables()[variable];
  Node node = from;
  node.parent = parent;
  node.depth = static_cast<uint16_t>(variable + 1);
  node.fate = fate;
  const Rows bytes = bytesOf(variable, fate);
  for (size_t row = 0; row < kRowCount; ++row) {
    node.bytes[row] += bytes[row];
    if (m_budgetBytes != kNoLimit &&
        node.bytes[row] + m_leastBytesFrom[variable + 1][row] > m_budgetBytes)
      return;
  }
  const int64_t ns = v.layers * v.forwardNs;
  if (fate == Fate::kEarly) node.work.earlyNs += ns;
  if (fate >= Fate::kLate) {
    (v.collective ? node.work.lateCollectiveNs : node.work.lateNs) += ns;
    if (fate == Fate::kLate && !v.collective) node.work.lateOwnNs += ns;
  }
  if (fate >= Fate::kEarly) node.recomputeNs += ns;
  for (size_t d = 0; d < kDuals; ++d) {
    const Dual& dual = m_duals[d];
    const auto row = static_cast<size_t>(dual.row);
    double change = -m_prices[d][variable][level];
    change += price(dual, variable, fate);
    // A kept source that late work reads holds more than its price says.
    if (fate == Fate::kKept)
      change += dual.perByte * static_cast<double>(bytes[row] - m_bytes[variable][at(fate)][row]);
    if (fate >= Fate::kEarly) {
      for (size_t input : m_inputs[variable]) {
        const Level before = levelOf(input);
        change += m_prices[d][input][std::max(before, asked(fate))] - m_prices[d][input][before];
      }
    }
    node.price[d] += change;
  }
  const double priced = std::max(node.price[0], node.price[1]) * kTrust;
  node.bound.objectiveNs =
      std::max({from.bound.objectiveNs, m_windows.costNs(node.work), static_cast<int64_t>(priced)});
  node.bound.recomputeNs = std::max(
      {from.bound.recomputeNs, node.recomputeNs, static_cast<int64_t>(node.price[2] * kTrust)});
  m_queue.push({node.bound, node.depth, static_cast<int32_t>(m_nodes.size())});
  m_nodes.push_back(node);
}

void FateSearch::expand(int32_t index) {
  const Node from = m_nodes[static_cast<size_t>(index)];
  const size_t variable = from.depth;
  readFates(index);
  for (size_t later = variable; later < m_fates.size(); ++later) m_fates[later] = Fate::kAbsent;
  const Level level = levelOf(variable);
  if (level == kNotAsked) {
    push(from, index, variable, Fate::kAbsent, level);
    return;
  }
  push(from, index, variable, Fate::kKept, level);
  if (m_early[variable]) push(from, index, variable, Fate::kEarly, level);
  if (level == kAskedMlp) push(from, index, variable, Fate::kLateMlp, level);
  if (level == kAskedLate) push(from, index, variable, Fate::kLate, level);
}

bool FateSearch::next(int64_t nodeLimit, Fates& fates) {
  while (!m_queue.empty()) {
    const Queued top = m_queue.top();
    m_queue.pop();
    if (top.depth == m_problem.variables().size()) {
      readFates(top.node);
      fates = {m_fates, top.bound};
      return true;
    }
    constexpr int64_t kPollEvery = 256;
    if (nodes() >= nodeLimit || (++m_polls % kPollEvery == 0 && m_stop.stop_requested())) {
      m_stopped = true;
      return false;
    }
    expand(top.node);
  }
  return false;
}

}  // namespace caracal::planner
