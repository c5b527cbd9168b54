// HEU's search against CBC: the integer program of planner.md section 3 must allow what HEU found,
// and nothing cheaper that fits. The exact objective and the simulator's peak are enforced by
// cutting off, one by one, cheaper solutions of the program that violate them.
#include <gtest/gtest.h>

#include <array>
#include <optional>

#include "core/planner/heu_search.h"
#include "core/sim/memory_timeline.h"
#include "tests/support/integer_program.h"
#include "tests/support/layers.h"
#include "tests/support/seeds.h"

namespace caracal::planner {
namespace {

using plan::Placement;
using plan::PlacementKind;

// Kept, or rebuilt at one of these places, in time order.
enum Place {
  kKeep,
  kFwdAttn,
  kFwdMlp,
  kPipe,
  kPrevMlp,
  kPrevAttn,
  kDemandMlp,
  kOwn,
  kDemandAttn,
  kPlaces
};
constexpr std::array<const char*, kPlaces> kTexts{
    "retained",    "window:fwd.attn",     "window:fwd.mlp",
    "window:pipe", "window:prev.bwd.mlp", "window:prev.bwd.attn",
    "onDemand",    "window:own.bwd.mlp",  "onDemand"};
// Overflow of the windows: bwd.mlp with and without a layer below, `pipe` with and without a next
// forward.
enum Overflow {
  kOverFwdAttn,
  kOverFwdMlp,
  kOverBwdMlp,
  kOverBottom,
  kOverBwdAttn,
  kOverPipe,
  kOverTail,
  kOverflows
};

// One stage of one kind of layer, kappa = rho = 1, the same wait for every gradient.
class HeuProgram {
 public:
  HeuProgram(const StageModel& model, int64_t gapNs, int64_t budgetBytes)
      : m_model(model),
        m_kind(model.shape().profile.kinds[0]),
        m_graph(model.shape().graphs.kinds[0]),
        m_budgetBytes(budgetBytes),
        m_layers(static_cast<double>(model.layersOfKind(0))),
        m_binaries(static_cast<size_t>(m_graph.size()) * kPlaces),
        m_objective(m_binaries + kOverflows, 0.0),
        m_upper(m_binaries + kOverflows, std::numeric_limits<double>::max()) {
    for (int16_t op = 0; op < m_graph.size(); ++op) addOperator(op);
    addOverflows(static_cast<double>(gapNs));
    addRetainedBytes();
  }

  std::optional<std::vector<double>> solve() const {
    return test::solveWithCbc(m_objective, m_binaries, m_upper, m_rows);
  }

  double valueOf(const std::vector<double>& solution) const {
    double value = 0;
    for (size_t c = 0; c < solution.size(); ++c) value += m_objective[c] * solution[c];
    return value;
  }

  std::vector<Placement> placementsOf(const std::vector<double>& solution) const {
    std::vector<Placement> placements(m_kind.operators.size(), {PlacementKind::kDiscarded});
    for (int16_t op = 0; op < m_graph.size(); ++op) {
      for (int place = 0; place < kPlaces; ++place) {
        if (solution[column(op, place)] > 0.5)
          placements[op] = *plan::placementFromText(kTexts[place]);
      }
    }
    return placements;
  }

  // What the program charges for this policy; nothing: it forbids it.
  std::optional<double> valueOf(const std::vector<Placement>& placements) const {
    HeuProgram only = *this;
    for (int16_t op = 0; op < m_graph.size(); ++op) {
      for (int place = 0; place < kPlaces; ++place) {
        if (placements[op] != *plan::placementFromText(kTexts[place]))
          only.m_upper[column(op, place)] = 0;
      }
    }
    const auto solution = only.solve();
    if (!solution) return std::nullopt;
    return valueOf(*solution);
  }

  // REQUIRES that the objective is whole for whole solutions.
  void requireLessThan(int64_t objectiveNs) {
    test::LinearRow row{m_objective};
    row.upper = static_cast<double>(objectiveNs) - 0.5;
    m_rows.push_back(std::move(row));
  }

  // Forbids this assignment; on demand is one choice, whichever place the program gave it.
  void cutOff(const std::vector<double>& solution) {
    test::LinearRow row = emptyRow();
    row.lower = 1;
    for (int16_t op = 0; op < m_graph.size(); ++op) {
      const bool onDemand =
          solution[column(op, kDemandMlp)] + solution[column(op, kDemandAttn)] > 0.5;
      for (int place = 0; place < kPlaces; ++place) {
        const bool chosen = place == kDemandMlp || place == kDemandAttn
                                ? onDemand
                                : solution[column(op, place)] > 0.5;
        row.coefficients[column(op, place)] = chosen ? -1 : 1;
        if (chosen && place != kDemandAttn) row.lower -= 1;
      }
    }
    m_rows.push_back(std::move(row));
  }

 private:
  static size_t column(int16_t op, int place) {
    return static_cast<size_t>(op) * kPlaces + static_cast<size_t>(place);
  }
  size_t overflow(Overflow which) const { return m_binaries + static_cast<size_t>(which); }
  test::LinearRow emptyRow() const { return {std::vector<double>(m_objective.size(), 0.0)}; }

  bool exists(int16_t op, int place) const {
    const bool mlpRead = m_graph.readInMlpSegment(op);
    if (op == m_graph.last() && place != kKeep && place != kDemandMlp) return false;
    switch (place) {
      case kFwdAttn:
      case kFwdMlp:
        return m_model.steadyCount() > 0;
      case kPipe:
        return !m_model.shape().isLast();
      case kPrevMlp:
      case kPrevAttn:
        return m_layers > 1;
      case kOwn:
      case kDemandAttn:
        return !mlpRead;
      default:
        return true;
    }
  }

  void addOperator(int16_t op) {
    const bool needed = m_graph.operators[op].firstReader >= 0;
    test::LinearRow once = emptyRow();
    test::LinearRow onlyIfUsed = emptyRow();
    onlyIfUsed.upper = 0;
    for (int place = 0; place < kPlaces; ++place) {
      m_upper[column(op, place)] = exists(op, place) ? 1 : 0;
      once.coefficients[column(op, place)] = 1;
      onlyIfUsed.coefficients[column(op, place)] = 1;
      for (int16_t consumer : m_graph.operators[op].consumers) {
        if (place != kKeep) onlyIfUsed.coefficients[column(consumer, place)] = -1;
      }
      if (place != kKeep) {
        m_objective[column(op, place)] = chargeNs(op, place);
        addOrder(op, place);
      }
    }
    once.upper = 1;
    if (needed) once.lower = 1;
    m_rows.push_back(std::move(once));
    if (!needed) m_rows.push_back(std::move(onlyIfUsed));
  }

  void addOrder(int16_t op, int place) {
    for (int16_t input : m_graph.operators[op].inputs) {
      if (input < 0) continue;
      test::LinearRow row = emptyRow();
      row.upper = 0;
      row.coefficients[column(op, place)] = 1;
      for (int earlier = kKeep; earlier <= place; ++earlier)
        row.coefficients[column(input, earlier)] = -1;
      m_rows.push_back(std::move(row));
    }
  }

  // What a recomputation costs whatever else its window holds.
  double chargeNs(int16_t op, int place) const {
    const auto steady = static_cast<double>(m_model.steadyCount());
    const auto all = static_cast<double>(m_model.microBatches());
    const auto ns = static_cast<double>(m_kind.operators[op].forwardNs);
    const double collective = m_graph.operators[op].collective ? ns : 0;
    switch (place) {
      case kFwdAttn:
      case kFwdMlp:
        return steady * m_layers * collective;
      case kPrevMlp:
      case kPrevAttn:
        return all * ((m_layers - 1) * collective + ns);  // the top layer has no window for it
      case kOwn:
        return all * m_layers * collective;
      case kDemandMlp:
      case kDemandAttn:
        return all * m_layers * ns;
      default:
        return 0;
    }
  }

  // e >= weight * (sum of what the places hold) - capacity.
  void addOverflow(Overflow which, double stepWeight, double weight, double capacity,
                   std::initializer_list<Place> places, bool collectivesToo) {
    m_objective[overflow(which)] = stepWeight;
    test::LinearRow row = emptyRow();
    row.lower = -capacity;
    row.coefficients[overflow(which)] = 1;
    for (int16_t op = 0; op < m_graph.size(); ++op) {
      if (m_graph.operators[op].collective && !collectivesToo) continue;
      for (Place place : places) {
        row.coefficients[column(op, place)] =
            -weight * static_cast<double>(m_kind.operators[op].forwardNs);
      }
    }
    m_rows.push_back(std::move(row));
  }

  void addOverflows(double gapNs) {
    const auto steady = static_cast<double>(m_model.steadyCount());
    const auto tail = static_cast<double>(m_model.tailCount());
    const double all = steady + tail;
    const auto capacity = [&](const char* id) {
      return static_cast<double>(m_kind.window(id)->capacityNs());
    };
    addOverflow(kOverFwdAttn, steady * m_layers, 1, capacity("fwd.attn"), {kFwdAttn}, false);
    addOverflow(kOverFwdMlp, steady * m_layers, 1, capacity("fwd.mlp"), {kFwdMlp}, false);
    addOverflow(kOverBwdMlp, all * (m_layers - 1), 1, capacity("bwd.mlp"), {kOwn, kPrevMlp}, false);
    addOverflow(kOverBottom, all, 1, capacity("bwd.mlp"), {kOwn}, false);
    addOverflow(kOverBwdAttn, all * (m_layers - 1), 1, capacity("bwd.attn"), {kPrevAttn}, false);
    addOverflow(kOverPipe, steady, m_layers, gapNs, {kPipe}, true);
    addOverflow(kOverTail, tail, m_layers, gapNs, {kPipe, kFwdAttn, kFwdMlp}, true);
  }

  // A necessary condition: what every micro-batch in flight keeps of what backward reads.
  void addRetainedBytes() {
    test::LinearRow row = emptyRow();
    row.upper = static_cast<double>(m_budgetBytes - m_model.baseBytes()) -
                m_model.inFlight() * m_layers * static_cast<double>(m_kind.inputBytes);
    for (int16_t op = 0; op < m_graph.size(); ++op) {
      if (m_graph.operators[op].firstReader < 0) continue;
      row.coefficients[column(op, kKeep)] =
          m_model.inFlight() * m_layers * static_cast<double>(m_kind.operators[op].savedBytes);
    }
    m_rows.push_back(std::move(row));
  }

  const StageModel& m_model;
  const profile::LayerKind& m_kind;
  const plan::LayerGraph& m_graph;
  int64_t m_budgetBytes;
  double m_layers;
  size_t m_binaries;
  std::vector<double> m_objective;
  std::vector<double> m_upper;
  std::vector<test::LinearRow> m_rows;
};

// The peak as the simulator counts it, from the lowered program.
int64_t simulatedPeak(const profile::Profile& profile, plan::Plan plan, const StageModel& model,
                      const std::vector<Placement>& placements) {
  const auto stage = static_cast<size_t>(model.shape().stage);
  for (plan::LayerPolicy& layer : plan.stages[stage].layers) layer.placements = placements;
  const auto program = plan::lower(profile, plan);
  EXPECT_TRUE(program.has_value()) << (program ? "" : program.error().text());
  if (!program) return kNoLimit;
  const plan::StageShape shape{profile, model.shape().graphs, plan.stages[stage],
                               model.shape().stage, model.shape().stages};
  return sim::peakBytesOf(shape, program->stages[stage]);
}

TEST(HeuSearch, equalsCbc) {
  int compared = 0;
  constexpr uint64_t kUsual = 12;
  const uint64_t seeds = test::seedCount(kUsual);
  for (uint64_t seed = 1; seed <= seeds; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    test::Random random(seed);
    const auto profile = test::makeProfile(test::randomLayer(random, seed <= kUsual ? 2 : 1),
                                           static_cast<int32_t>(test::pick(random, 4, 9)),
                                           static_cast<int32_t>(test::pick(random, 1, 3)),
                                           static_cast<int32_t>(test::pick(random, 1, 5)));
    const plan::ProfileGraphs graphs(profile);
    const plan::Plan plan = test::makePlanOf(profile, {test::keepAll(profile.kinds[0])});
    const int32_t stages = profile.parallel.pipeline;
    const auto index = static_cast<int32_t>(test::pick(random, 0, stages - 1));
    const StageModel model(
        {profile, graphs, plan.stages[static_cast<size_t>(index)], index, stages});
    const int64_t gapNs = model.shape().isLast() ? 0 : test::pick(random, 0, 200);
    const auto gaps = [&](int64_t count) {
      return GradientGaps(std::vector<int64_t>(static_cast<size_t>(count), gapNs));
    };
    const StageGaps stageGaps{gaps(model.steadyCount()), gaps(model.tailCount())};
    const KindPolicies all{test::keepAll(profile.kinds[0])};
    HeuRequest request;
    const int64_t most = model.peakBytes(all, model.resolve(all));
    request.budgetBytes = most - (most - model.baseBytes()) * test::pick(random, 1, 4) / 10;
    const HeuPolicy heu = searchHeu(model, stageGaps, request);
    if (!heu.found) continue;

    EXPECT_LE(simulatedPeak(profile, plan, model, heu.policies[0]), request.budgetBytes);
    HeuProgram program(model, gapNs, request.budgetBytes);
    const auto value = program.valueOf(heu.policies[0]);
    ASSERT_TRUE(value.has_value()) << "the program forbids what HEU found";
    EXPECT_LT(*value, static_cast<double>(heu.objectiveNs) + 0.5);
    program.requireLessThan(heu.objectiveNs);
    bool proven = false;
    for (int cuts = 0; cuts < 60 && !proven; ++cuts) {
      const auto solution = program.solve();
      proven = !solution;
      if (proven) break;
      const KindPolicies policies{program.placementsOf(*solution)};
      if (simulatedPeak(profile, plan, model, policies[0]) <= request.budgetBytes) {
        EXPECT_GE(objectiveNs(model, stageGaps, model.passTimes(model.resolve(policies))),
                  heu.objectiveNs);
      }
      program.cutOff(*solution);
    }
    if (testing::Test::HasFailure()) return;
    if (!proven) continue;
    ++compared;
    if (testing::Test::HasFailure()) return;
  }
  EXPECT_GE(static_cast<uint64_t>(compared), seeds / 3);
  RecordProperty("compared", compared);
}

}  // namespace
}  // namespace caracal::planner
