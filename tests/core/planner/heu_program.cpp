#include "tests/core/planner/heu_program.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "tests/core/planner/stage_moments.h"

namespace caracal::planner {

using plan::Placement;
using plan::WindowId;
using test::LinearSum;

namespace {

constexpr LayerCase kBelow{};
constexpr LayerCase kTop{true, false};
constexpr double kSlack = 1e-6;

bool holds(const test::LinearRow& row, const std::vector<double>& values) {
  const double sum = LinearSum{0, row.coefficients}.at(values);
  return sum >= row.lower - kSlack && sum <= row.upper + kSlack;
}

}  // namespace

HeuProgram::HeuProgram(const StageModel& model, int64_t gapNs, int64_t budgetBytes)
    : m_model(model),
      m_kind(model.shape().profile.kinds[0]),
      m_graph(model.shape().graphs.kinds[0]),
      m_budgetBytes(budgetBytes),
      m_layers(static_cast<double>(model.layersOfKind(0))),
      m_steady(static_cast<double>(model.steadyCount())),
      m_all(static_cast<double>(model.microBatches())),
      m_columns(model) {
  for (int16_t op = 0; op < m_graph.size(); ++op) {
    addOperator(op);
    addTop(op);
    charge(op);
  }
  addWindows();
  addWaits(static_cast<double>(gapNs));
  m_moments = stageMoments(model, m_columns);
  m_objective.resize(m_columns.size(), 0);
  for (test::LinearRow& row : m_columns.rows()) m_rows.push_back(std::move(row));
}

std::optional<HeuProgram::Verdict> HeuProgram::judge(
    const std::vector<Placement>& placements) const {
  const std::vector<double> values = m_columns.valuesOf(placements);
  for (size_t c = 0; c < values.size(); ++c) {
    if (values[c] > m_columns.upper()[c] + kSlack) return std::nullopt;
  }
  for (const test::LinearRow& row : m_rows) {
    if (!holds(row, values)) return std::nullopt;
  }
  double objective = 0;
  for (size_t c = 0; c < values.size(); ++c) objective += m_objective[c] * values[c];
  return Verdict{std::llround(objective), std::llround(peakBytes(values))};
}

std::optional<std::vector<Placement>> HeuProgram::solve(int64_t mostNs) {
  for (;;) {
    auto solution = test::solveWithCbc(m_objective, m_columns.binaries(), m_columns.upper(), m_rows,
                                       static_cast<double>(mostNs) + 0.5);
    if (!solution) return std::nullopt;
    m_columns.settle(*solution);
    if (!addFullMoments(*solution)) return m_columns.placementsOf(*solution);
  }
}

double HeuProgram::peakBytes(const std::vector<double>& values) const {
  double peak = 0;
  for (const Sum& moment : m_moments) peak = std::max(peak, moment.at(values));
  return peak;
}

// True when there are any: moments that hold more than the budget.
bool HeuProgram::addFullMoments(const std::vector<double>& values) {
  const size_t before = m_rows.size();
  const auto budget = static_cast<double>(m_budgetBytes);
  for (Sum moment : m_moments) {
    if (moment.at(values) < budget + 0.5) continue;
    moment.constant -= budget;
    m_rows.push_back(test::notAboveZero(moment));
  }
  return m_rows.size() > before;
}

double HeuProgram::ns(int16_t op) const {
  return static_cast<double>(m_kind.operators[static_cast<size_t>(op)].forwardNs);
}

double& HeuProgram::objective(size_t column) {
  m_objective.resize(std::max(m_objective.size(), column + 1), 0);
  return m_objective[column];
}

// Each tensor is in one place; one that backward does not read, only for recomputations.
void HeuProgram::addOperator(int16_t op) {
  const Sum somewhere = m_columns.madeIn(op, kKeep, kDemandAttn, kBelow);
  test::LinearRow once{somewhere.coefficients};
  once.upper = 1;
  if (m_graph.operators[op].firstReader >= 0) {
    once.lower = 1;
  } else {
    Sum unused = somewhere;
    for (const int16_t consumer : m_graph.operators[op].consumers)
      unused.add(m_columns.madeIn(consumer, kFwdAttn, kDemandAttn, kBelow), -1);
    m_rows.push_back(test::notAboveZero(unused));
  }
  m_rows.push_back(std::move(once));
  for (size_t at = kFwdAttn; at < kPlaces; ++at) addOrder(op, static_cast<Place>(at), kBelow);
  delayOnDemand(op, kBelow);
}

// Inputs are kept, or rebuilt there or earlier.
void HeuProgram::addOrder(int16_t op, Place at, LayerCase of) {
  for (const int16_t input : m_graph.operators[op].inputs) {
    if (input < 0) continue;
    Sum missing = m_columns.made(op, at, of);
    m_rows.push_back(test::notAboveZero(missing.add(m_columns.madeIn(input, kKeep, at, of), -1)));
  }
}

// The top layer does on demand what others do in prev.* windows.
void HeuProgram::addTop(int16_t op) {
  Sum difference = m_columns.madeIn(op, kPrevMlp, kDemandAttn, kTop);
  difference.add(m_columns.madeIn(op, kPrevMlp, kDemandAttn, kBelow), -1);
  test::LinearRow same{difference.coefficients};
  same.lower = same.upper = 0;
  m_rows.push_back(std::move(same));
  for (const Place at : {kDemandMlp, kOwn, kDemandAttn}) addOrder(op, at, kTop);
  delayOnDemand(op, kTop);
}

// On demand before the MLP segment only what that reads, and what is needed for other work then.
void HeuProgram::delayOnDemand(int16_t op, LayerCase of) {
  if (m_graph.readInMlpSegment(op)) return;
  Sum tooEarly = m_columns.made(op, kDemandMlp, of);
  for (const int16_t consumer : m_graph.operators[op].consumers)
    tooEarly.add(m_columns.madeIn(consumer, kDemandMlp, kOwn, of), -1);
  m_rows.push_back(test::notAboveZero(tooEarly));
}

// What a recomputation costs whatever else its window holds.
void HeuProgram::charge(int16_t op) {
  const double collective = m_graph.operators[op].collective ? ns(op) : 0;
  for (const Place at : {kFwdAttn, kFwdMlp})
    objective(HeuColumns::place(op, at)) = m_steady * m_layers * collective;
  for (const Place at : {kPrevMlp, kPrevAttn})
    objective(HeuColumns::place(op, at)) = m_all * ((m_layers - 1) * collective + ns(op));
  objective(HeuColumns::place(op, kOwn)) = m_all * m_layers * collective;
  for (const Place at : {kDemandMlp, kDemandAttn})
    objective(HeuColumns::place(op, at)) = m_all * m_layers * ns(op);
}

// Whether the operator runs there behind a repeated collective, which the window's own precedes:
// then nothing hides it.
size_t HeuProgram::behindCollective(int16_t op, Hosted hosted, double weight) {
  const Sum there = Sum::of(HeuColumns::place(op, hosted.place));
  std::vector<Sum> both;
  const auto add = [&](int16_t collective, Place at) {
    Sum& sum = both.emplace_back(there);
    sum.add(Sum::of(HeuColumns::place(collective, at)));
    sum.constant = -1;
  };
  for (int16_t other = 0; other < m_graph.size(); ++other) {
    if (!m_graph.operators[other].collective) continue;
    if (other < op) add(other, hosted.place);
    if (hosted.alsoBehindOwn) add(other, kOwn);
  }
  const size_t column = m_columns.largest(std::move(both));
  objective(column) = weight * ns(op);
  return column;
}

// Work in a window that may hide there.
LinearSum HeuProgram::hiddenNs(Hosted hosted, double weight) {
  Sum hidden;
  for (int16_t op = 0; op < m_graph.size(); ++op) {
    if (m_graph.operators[op].collective) continue;
    hidden.add(Sum::of(HeuColumns::place(op, hosted.place)), ns(op));
    hidden.add(Sum::of(behindCollective(op, hosted, weight)), -ns(op));
  }
  return hidden;
}

void HeuProgram::addOverflow(double weight, Sum hidden, double capacity) {
  hidden.constant = -capacity;
  objective(m_columns.largest({std::move(hidden)})) = weight;
}

void HeuProgram::addWindows() {
  const auto capacity = [&](WindowId id) { return static_cast<double>(m_model.windowNs(0, id)); };
  for (const auto& [at, id] :
       {std::pair{kFwdAttn, WindowId::kFwdAttn}, {kFwdMlp, WindowId::kFwdMlp}}) {
    const double weight = m_steady * m_layers;
    addOverflow(weight, hiddenNs({at}, weight), capacity(id));
  }
  const double hosts = m_all * (m_layers - 1);  // layers with one below
  const Sum own = hiddenNs({kOwn}, m_all * m_layers);
  Sum ownAndBelow = own;
  ownAndBelow.add(hiddenNs({kPrevMlp, true}, hosts));
  addOverflow(hosts, std::move(ownAndBelow), capacity(WindowId::kPrevBwdMlp));
  addOverflow(m_all, own, capacity(WindowId::kOwnBwdMlp));
  addOverflow(hosts, hiddenNs({kPrevAttn}, hosts), capacity(WindowId::kPrevBwdAttn));
}

void HeuProgram::addWaits(double gapNs) {
  const auto work = [&](LayerCase of) {
    Sum sum;
    for (int16_t op = 0; op < m_graph.size(); ++op)
      sum.add(m_columns.made(op, kPipe, of), m_layers * ns(op));
    return sum;
  };
  addOverflow(m_steady, work({false, false}), gapNs);
  addOverflow(m_all - m_steady, work({false, true}), gapNs);
}

}  // namespace caracal::planner
