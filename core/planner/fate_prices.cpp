#include "core/planner/fate_prices.h"

#include <algorithm>
#include <utility>

namespace caracal::planner {
namespace {

size_t at(Fate fate) {
  return static_cast<size_t>(fate);
}

}  // namespace

FatePrices::FatePrices(const FateTable& table, const PooledWindows& windows, int64_t budgetBytes)
    : m_table(table), m_windows(windows), m_budgetBytes(budgetBytes) {
  for (size_t v = 0; v < table.size(); ++v) {
    m_ns.push_back(static_cast<double>(table[v].ns));
    for (size_t row = 0; row < kRowCount; ++row) {
      OfFates& bytes = m_bytes[row].emplace_back();
      for (size_t fate = 0; fate < kFateCount; ++fate)
        bytes[fate] = static_cast<double>(table[v].bytes[fate][row]);
    }
  }
  chooseDuals();
  for (size_t d = 0; d < kDuals; ++d) {
    const Dual& dual = m_duals[d];
    m_least[d] = dual.constant() + memoryConstant(dual) + priceAll(dual, m_prices[d]);
    for (size_t v = 0; v < table.size(); ++v) m_ofFates[d].push_back(pricesOf(dual, v));
  }
}

FatePrices::OfFates FatePrices::pricesOf(const Dual& dual, size_t variable) const {
  const double ns = m_ns[variable];
  const double lateNs =
      (m_table[variable].collective ? dual.perLateCollectiveNs : dual.perLateNs) * ns;
  OfFates prices = m_bytes[static_cast<size_t>(dual.row)][variable];
  for (double& price : prices) price *= dual.perByte;
  prices[at(Fate::kEarly)] += dual.perEarlyNs * ns;
  prices[at(Fate::kLate)] += lateNs;
  prices[at(Fate::kLateMlp)] += lateNs;
  return prices;
}

double FatePrices::priceAll(const Dual& dual, std::vector<Prices>& prices) const {
  prices.resize(m_table.size());
  double sum = 0;
  for (size_t v = m_table.size(); v-- > 0;) {  // sources before what is made from them
    const FateVariable& variable = m_table[v];
    const OfFates alone = pricesOf(dual, v);
    Prices inputs{};  // rebuilding also takes what is made for this tensor alone
    for (const size_t input : variable.onlyInputs) {
      for (size_t level = 0; level < kLevels; ++level) inputs[level] += prices[input][level];
    }
    double early = alone[at(Fate::kKept)];
    if (variable.mayBeEarly) early = std::min(early, alone[at(Fate::kEarly)] + inputs[kAskedEarly]);
    Prices& least = prices[v];
    least[kAskedEarly] = early;
    least[kAskedMlp] = std::min(early, alone[at(Fate::kLateMlp)] + inputs[kAskedMlp]);
    least[kAskedLate] = std::min(early, alone[at(Fate::kLate)] + inputs[kAskedLate]);
    least[kNotAsked] = variable.needed ? least[variable.deadline] : 0;
    sum += least[kNotAsked];
  }
  return sum;
}

FatePrices::Sums FatePrices::change(size_t variable, Fate fate, const Rows& bytes,
                                    const Fates& fates) const {
  const FateVariable& v = m_table[variable];
  const Level level = m_table.levelOf(variable, fates);
  Sums change;
  for (size_t d = 0; d < kDuals; ++d) {
    // A kept source that late work reads holds more than its price says.
    const auto row = static_cast<size_t>(m_duals[d].row);
    const auto moreBytes = static_cast<double>(bytes[row] - v.bytesOf(fate)[row]);
    change[d] = m_ofFates[d][variable][at(fate)] - m_prices[d][variable][level] +
                m_duals[d].perByte * moreBytes;
  }
  if (fate < Fate::kEarly) return change;
  for (const size_t input : v.inputs) {
    const Level before = m_table.levelOf(input, fates);
    const Level after = std::max(before, asked(fate));
    if (after == before) continue;
    for (size_t d = 0; d < kDuals; ++d)
      change[d] += m_prices[d][input][after] - m_prices[d][input][before];
  }
  return change;
}

double FatePrices::memoryConstant(const Dual& dual) const {
  if (m_budgetBytes == kNoLimit) return 0;  // without a limit, memory has no price
  const auto row = static_cast<size_t>(dual.row);
  return dual.perByte * static_cast<double>(m_table.baseBytes()[row] - m_budgetBytes);
}

double FatePrices::valueOf(const Dual& dual) {
  return dual.constant() + memoryConstant(dual) + priceAll(dual, m_scratch);
}

// Golden section: the value is concave in each multiplier.
void FatePrices::maximise(Dual& dual, double& value, double Dual::*of, double most) {
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

void FatePrices::maximiseEarly(Dual& dual, double& value) {
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
double FatePrices::steepestPerByte(Row row, double perNs) const {
  double most = 0;
  for (size_t v = 0; v < m_table.size(); ++v) {
    const int64_t bytes = m_table[v].bytesOf(Fate::kKept)[static_cast<size_t>(row)];
    if (bytes <= 0) continue;
    most = std::max(most, perNs * static_cast<double>(m_table[v].ns) / static_cast<double>(bytes));
  }
  return 4 * most;
}

// Whether not all that backward needs can be kept.
bool FatePrices::binds(Row row) const {
  const auto r = static_cast<size_t>(row);
  int64_t bytes = m_table.baseBytes()[r];
  for (size_t v = 0; v < m_table.size(); ++v) {
    if (m_table[v].needed) bytes += m_table[v].bytesOf(Fate::kKept)[r];
  }
  return bytes > m_budgetBytes;
}

FatePrices::Dual FatePrices::steepest(Row row) const {
  Dual dual;
  dual.row = row;
  dual.perEarlyNs = m_windows.steepestEarly();
  dual.perLateNs = dual.perLateCollectiveNs = m_windows.steepestLate();
  dual.earlyConstant = m_windows.earlyConstant(PooledWindows::kSlopes);
  dual.lateConstant = m_windows.lateConstant(dual.perLateNs);
  return dual;
}

// One multiplier after the other; returns the value reached.
double FatePrices::raise(Dual& dual) {
  double value = valueOf(dual);
  bool anyEarly = false;
  for (size_t v = 0; v < m_table.size(); ++v) anyEarly |= m_table[v].mayBeEarly;
  maximise(dual, value, &Dual::perByte, steepestPerByte(dual.row, m_windows.steepestLate()));
  maximise(dual, value, &Dual::perLateNs, m_windows.steepestLate());
  if (anyEarly) maximiseEarly(dual, value);
  return value;
}

FatePrices::Dual FatePrices::leastRecompute(Row row) {
  Dual dual;
  dual.row = row;
  dual.perEarlyNs = dual.perLateNs = dual.perLateCollectiveNs = 1;
  double value = valueOf(dual);
  maximise(dual, value, &Dual::perByte, steepestPerByte(row, 1));
  return dual;
}

// Rows that do not bind price nothing.
void FatePrices::chooseDuals() {
  if (m_budgetBytes == kNoLimit) return;
  std::vector<std::pair<double, Dual>> found;
  double most = -1;
  for (size_t r = 0; r < kRowCount; ++r) {
    const auto row = static_cast<Row>(r);
    if (!binds(row)) continue;
    Dual dual = steepest(row);
    const double value = raise(dual);
    found.emplace_back(value, dual);
    const Dual least = leastRecompute(row);
    if (const double leastNs = valueOf(least); leastNs > most) {
      most = leastNs;
      m_duals[2] = least;
    }
  }
  std::stable_sort(found.begin(), found.end(),
                   [](const auto& a, const auto& b) { return a.first > b.first; });
  for (size_t d = 0; d < std::min<size_t>(2, found.size()); ++d) {
    m_duals[d] = found[d].second;
    raise(m_duals[d]);
  }
}

}  // namespace caracal::planner
