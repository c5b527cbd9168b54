// opt's search of one stage against CBC: four layers, each with a policy of its own, as an integer
// program with exact times and rows for the memory of every layer's backward. What those rows miss
// is cut off, one optimum of the program after the other, until one fits.
#include <gtest/gtest.h>

#include <array>
#include <optional>

#include "core/planner/stage_optimum.h"
#include "tests/support/integer_program.h"
#include "tests/support/layers.h"
#include "tests/support/seeds.h"

namespace caracal::planner {
namespace {

using plan::WindowId;

// Kept, or rebuilt at one of these places, in time order.
enum Place : size_t { kKeep, kPrevMlp, kPrevAttn, kDemandMlp, kOwn, kDemandAttn, kPlaces };
constexpr std::array<Place, 3> kWindows{kPrevMlp, kPrevAttn, kOwn};
constexpr std::array<const char*, kPlaces> kTexts{
    "retained", "window:prev.bwd.mlp", "window:prev.bwd.attn",
    "onDemand", "window:own.bwd.mlp",  "onDemand"};

// A stage alone: one micro-batch in flight, kappa = rho = 1, one kind of layer.
class ChainProgram {
 public:
  ChainProgram(const StageModel& model, int64_t budgetBytes)
      : m_model(model),
        m_kind(model.shape().profile.kinds[0]),
        m_graph(model.shape().graphs.kinds[0]),
        m_layers(static_cast<size_t>(model.layersOfKind(0))),
        m_operators(m_kind.operators.size()),
        m_roomBytes(static_cast<double>(budgetBytes - model.baseBytes())) {
    const size_t binaries = m_layers * m_operators * kPlaces;
    m_columns = 2 * binaries + 2 * m_layers;  // chosen; behind a repeated collective; overflows
    m_objective.assign(m_columns, 0);
    m_upper.assign(m_columns, std::numeric_limits<double>::max());
    for (size_t layer = 0; layer < m_layers; ++layer) {
      for (size_t op = 0; op < m_operators; ++op) addOperator(layer, op);
      addBehind(layer);
      addOverflows(layer);
      addMemory(layer);
    }
    addForwardMemory();
  }

  std::optional<std::vector<double>> solve() const {
    return test::solveWithCbc(m_objective, m_layers * m_operators * kPlaces, m_upper, m_rows);
  }
  double valueOf(const std::vector<double>& solution) const {
    double value = 0;
    for (size_t c = 0; c < m_columns; ++c) value += m_objective[c] * solution[c];
    return value;
  }
  std::vector<plan::Placement> placementsOf(const std::vector<double>& solution,
                                            size_t layer) const {
    std::vector<plan::Placement> placements(m_operators, {plan::PlacementKind::kDiscarded});
    for (size_t op = 0; op < m_operators; ++op) {
      for (size_t place = 0; place < kPlaces; ++place) {
        if (solution[chosen(layer, op, place)] > 0.5)
          placements[op] = *plan::placementFromText(kTexts[place]);
      }
    }
    return placements;
  }

  // Forbids these choices together; on demand is one, whichever place the program gave it.
  void cutOff(const std::vector<double>& solution) {
    test::LinearRow row = emptyRow();
    row.upper = -1;
    for (size_t layer = 0; layer < m_layers; ++layer) {
      for (size_t op = 0; op < m_operators; ++op) {
        for (size_t place = 0; place < kPlaces; ++place) {
          if (solution[chosen(layer, op, place)] <= 0.5) continue;
          ++row.upper;
          row.coefficients[chosen(layer, op, place)] = 1;
          if (place == kDemandMlp) row.coefficients[chosen(layer, op, kDemandAttn)] = 1;
          if (place == kDemandAttn) row.coefficients[chosen(layer, op, kDemandMlp)] = 1;
        }
      }
    }
    m_rows.push_back(std::move(row));
  }

 private:
  size_t chosen(size_t layer, size_t op, size_t place) const {
    return (layer * m_operators + op) * kPlaces + place;
  }
  size_t behind(size_t layer, size_t op, size_t place) const {
    return m_layers * m_operators * kPlaces + chosen(layer, op, place);
  }
  size_t overflow(size_t layer, WindowId window) const {
    return m_columns - 1 - 2 * layer - (window == WindowId::kOwnBwdMlp ? 1 : 0);
  }
  test::LinearRow emptyRow() const { return {std::vector<double>(m_columns, 0.0)}; }
  const plan::OperatorLinks& links(size_t op) const {
    return m_graph.operators[static_cast<int16_t>(op)];
  }
  bool needed(size_t op) const { return links(op).firstReader >= 0; }
  bool readInMlp(size_t op) const {
    return needed(op) && m_graph.readInMlpSegment(static_cast<int16_t>(op));
  }
  double ns(size_t op) const { return static_cast<double>(m_kind.operators[op].forwardNs); }
  double perMicroBatch() const { return static_cast<double>(m_model.microBatches()); }

  bool exists(size_t layer, size_t op, size_t place) const {
    const bool top = layer + 1 == m_layers;
    if (op + 1 == m_operators) return place == kKeep || place == kDemandMlp;
    if (place == kPrevMlp || place == kPrevAttn) return !top;
    if (place == kOwn || place == kDemandAttn) return !readInMlp(op);
    return true;
  }

  void addOperator(size_t layer, size_t op) {
    test::LinearRow once = emptyRow(), onlyIfUsed = emptyRow();
    for (size_t place = 0; place < kPlaces; ++place) {
      m_upper[chosen(layer, op, place)] = exists(layer, op, place) ? 1 : 0;
      once.coefficients[chosen(layer, op, place)] = 1;
      onlyIfUsed.coefficients[chosen(layer, op, place)] = 1;
      if (place == kKeep) continue;
      for (const int16_t consumer : links(op).consumers)
        onlyIfUsed.coefficients[chosen(layer, static_cast<size_t>(consumer), place)] = -1;
      const bool window = std::find(kWindows.begin(), kWindows.end(), place) != kWindows.end();
      if (!window || links(op).collective)
        m_objective[chosen(layer, op, place)] = perMicroBatch() * ns(op);
      addOrder(layer, op, place);
    }
    once.upper = 1;
    if (needed(op)) once.lower = 1;
    m_rows.push_back(std::move(once));
    onlyIfUsed.upper = 0;
    if (!needed(op)) m_rows.push_back(std::move(onlyIfUsed));
  }

  void addOrder(size_t layer, size_t op, size_t place) {
    for (const int16_t input : links(op).inputs) {
      if (input < 0) continue;
      test::LinearRow row = emptyRow();
      row.upper = 0;
      row.coefficients[chosen(layer, op, place)] = 1;
      for (size_t earlier = kKeep; earlier <= place; ++earlier)
        row.coefficients[chosen(layer, static_cast<size_t>(input), earlier)] = -1;
      m_rows.push_back(std::move(row));
    }
  }

  // What follows a repeated collective in a window is not hidden.
  void addBehind(size_t layer) {
    const auto add = [&](size_t collectiveLayer, size_t collective, size_t at, size_t op,
                         size_t place) {
      test::LinearRow row = emptyRow();
      row.lower = -1;
      row.coefficients[behind(layer, op, place)] = 1;
      row.coefficients[chosen(layer, op, place)] = -1;
      row.coefficients[chosen(collectiveLayer, collective, at)] = -1;
      m_rows.push_back(std::move(row));
    };
    for (size_t op = 0; op < m_operators; ++op) {
      if (links(op).collective) continue;
      for (const Place place : kWindows)
        m_objective[behind(layer, op, place)] = perMicroBatch() * ns(op);
      for (size_t other = 0; other < m_operators; ++other) {
        if (!links(other).collective) continue;
        for (const Place place : kWindows)
          if (other < op) add(layer, other, place, op, place);
        if (layer + 1 < m_layers) add(layer + 1, other, kOwn, op, kPrevMlp);
      }
    }
  }

  void addOverflows(size_t layer) {
    const auto add = [&](WindowId window, std::initializer_list<std::pair<size_t, Place>> hosted) {
      m_objective[overflow(layer, window)] = perMicroBatch();
      test::LinearRow row = emptyRow();
      row.lower = -static_cast<double>(m_model.windowNs(0, window));
      row.coefficients[overflow(layer, window)] = 1;
      for (const auto& [from, place] : hosted) {
        for (size_t op = 0; op < m_operators; ++op) {
          if (links(op).collective) continue;
          row.coefficients[chosen(from, op, place)] = -ns(op);
          row.coefficients[behind(from, op, place)] = ns(op);
        }
      }
      m_rows.push_back(std::move(row));
    };
    if (layer == 0) {
      add(WindowId::kOwnBwdMlp, {{0, kOwn}});
    } else {
      add(WindowId::kOwnBwdMlp, {{layer, kOwn}, {layer - 1, kPrevMlp}});
      add(WindowId::kPrevBwdAttn, {{layer - 1, kPrevAttn}});
    }
  }

  // When the layer's MLP segment begins, and its attention segment: what the layers below keep, and
  // what of its own is there and still unread.
  void addMemory(size_t layer) {
    test::LinearRow mlp = emptyRow(), attn = emptyRow();
    const auto inputs = static_cast<double>(layer + 1) * static_cast<double>(m_kind.inputBytes);
    mlp.upper = attn.upper = m_roomBytes - inputs;
    for (size_t op = 0; op < m_operators; ++op) {
      const profile::Operator& tensor = m_kind.operators[op];
      const bool output = op + 1 == m_operators;
      const double kept = keptBytes(op);
      const auto live = static_cast<double>(output ? tensor.savedBytes : tensor.liveBytes());
      for (size_t below = 0; below < layer; ++below)
        mlp.coefficients[chosen(below, op, kKeep)] = attn.coefficients[chosen(below, op, kKeep)] =
            kept;
      if (!needed(op)) continue;
      mlp.coefficients[chosen(layer, op, kKeep)] = kept;
      for (const Place place : {kPrevMlp, kPrevAttn, kDemandMlp})
        mlp.coefficients[chosen(layer, op, place)] = live;
      if (layer > 0) attn.coefficients[chosen(layer - 1, op, kPrevMlp)] = live;
      if (readInMlp(op)) continue;
      attn.coefficients[chosen(layer, op, kKeep)] = kept;
      for (const Place place : {kPrevMlp, kPrevAttn, kDemandMlp, kOwn, kDemandAttn})
        attn.coefficients[chosen(layer, op, place)] = live;
    }
    m_rows.push_back(std::move(mlp));
    m_rows.push_back(std::move(attn));
  }

  // At each operator of the top layer's forward pass, and when the model's end runs.
  void addForwardMemory() {
    test::LinearRow below = emptyRow();
    below.upper =
        m_roomBytes - static_cast<double>(m_layers) * static_cast<double>(m_kind.inputBytes);
    for (size_t layer = 0; layer + 1 < m_layers; ++layer) {
      for (size_t op = 0; op < m_operators; ++op)
        below.coefficients[chosen(layer, op, kKeep)] = keptBytes(op);
    }
    for (size_t now = 0; now + 1 < m_operators; ++now) {
      test::LinearRow row = below;
      for (size_t op = 0; op <= now; ++op) {
        const auto live = static_cast<double>(m_kind.operators[op].liveBytes());
        const auto& consumers = links(op).consumers;
        const bool read =
            op == now || std::any_of(consumers.begin(), consumers.end(),
                                     [&](int16_t c) { return static_cast<size_t>(c) >= now; });
        if (read)
          row.upper -= live;
        else
          row.coefficients[chosen(m_layers - 1, op, kKeep)] = live;
      }
      m_rows.push_back(std::move(row));
    }
    for (size_t op = 0; op < m_operators; ++op)
      below.coefficients[chosen(m_layers - 1, op, kKeep)] = keptBytes(op);
    const plan::StageShape& shape = m_model.shape();
    below.upper -=
        static_cast<double>(m_kind.operators.back().outputBytes +
                            lastEndTimeline(shape.profile.last, shape.graphs.last).forward.peak);
    m_rows.push_back(std::move(below));
  }

  double keptBytes(size_t op) const {
    const profile::Operator& tensor = m_kind.operators[op];
    return static_cast<double>(op + 1 == m_operators ? tensor.savedBytes : tensor.retainedBytes());
  }

  const StageModel& m_model;
  const profile::LayerKind& m_kind;
  const plan::LayerGraph& m_graph;
  size_t m_layers, m_operators;
  double m_roomBytes;
  size_t m_columns = 0;
  std::vector<double> m_objective, m_upper;
  std::vector<test::LinearRow> m_rows;
};

TEST(StageOptimum, equalsCbcForFourLayers) {
  constexpr int kMostCuts = 3;
  int compared = 0, exposed = 0;
  const uint64_t seeds = test::seedCount(9);
  for (uint64_t seed = 1; seed <= seeds; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    test::Random random(seed);
    profile::LayerKind kind = test::randomLayer(random, seed % 2 == 0 ? 2 : 1);
    for (profile::Window& window : kind.windows)  // small, so that not everything hides
      window = test::makeWindow(window.id, window.after, test::pick(random, 1, 12));
    const auto profile =
        test::makeProfile(std::move(kind), 4, 1, static_cast<int32_t>(test::pick(random, 1, 4)));
    const plan::ProfileGraphs graphs(profile);
    const plan::Plan plan = test::makePlanOf(profile, {test::keepAll(profile.kinds[0])});
    const StageModel model({profile, graphs, plan.stages[0], 0, 1});
    const StageGaps gaps = noGapsOf(model);
    const KindPolicies all{test::keepAll(profile.kinds[0])};
    const KindPolicies none{test::recomputeAll(profile.kinds[0])};
    const int64_t most = model.peakBytes(all, model.resolve(all));
    const int64_t least = model.peakBytes(none, model.resolve(none));
    const int64_t budgetBytes = least + (most - least) * test::pick(random, 0, 3) / 10;
    StageMix mix(model, gaps, budgetBytes, kThoroughMix, {});
    StageChain start = mix.judge(Chain(4, mix.table().add(0, none[0])));
    if (start.peakBytes > budgetBytes) continue;
    const StageOptimum found =
        searchOptimum({model, chargesOf(model, gaps), budgetBytes}, mix, std::move(start), {});
    EXPECT_EQ(found.boundNs, found.chain.objectiveNs);

    ChainProgram program(model, budgetBytes);
    for (int cuts = 0; cuts < kMostCuts; ++cuts) {
      const auto solution = program.solve();
      ASSERT_TRUE(solution.has_value());
      const double value = program.valueOf(*solution);
      // The program leaves memory out, never time.
      ASSERT_LE(value, static_cast<double>(found.chain.objectiveNs) + 0.5);
      Chain layers;
      for (size_t layer = 0; layer < 4; ++layer)
        layers.push_back(mix.table().add(0, program.placementsOf(*solution, layer)));
      const StageChain chain = mix.judge(std::move(layers));
      EXPECT_NEAR(static_cast<double>(chain.objectiveNs), value, 0.5);
      if (chain.peakBytes <= budgetBytes) {
        EXPECT_EQ(chain.objectiveNs, found.chain.objectiveNs);
        ++compared;
        exposed += chain.objectiveNs > 0;
        break;
      }
      program.cutOff(*solution);
    }
    if (testing::Test::HasFailure()) return;
  }
  EXPECT_GE(static_cast<uint64_t>(compared), seeds / 3);
  EXPECT_GE(static_cast<uint64_t>(exposed), seeds / 5);
  RecordProperty("compared", compared);
}

}  // namespace
}  // namespace caracal::planner
