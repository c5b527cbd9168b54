// HEU's search against brute force over every policy of small random layers.
#include "core/planner/heu_search.h"

#include <gtest/gtest.h>

#include <optional>

#include "tests/support/layers.h"
#include "tests/support/seeds.h"

namespace caracal::planner {
namespace {

using plan::Placement;
using plan::PlacementKind;

// A pipeline of equal stages and the model of one of them.
struct Stage {
  Stage(const profile::Profile& of, int32_t index)
      : profile(of),
        graphs(profile),
        plan(test::makePlanOf(profile, {test::keepAll(profile.kinds[0])})) {
    model.emplace(plan::StageShape{profile, graphs, plan.stages[static_cast<size_t>(index)], index,
                                   static_cast<int32_t>(plan.stages.size())});
  }
  Stage(const Stage&) = delete;

  profile::Profile profile;
  plan::ProfileGraphs graphs;
  plan::Plan plan;
  std::optional<StageModel> model;
};

profile::Profile smallProfile(test::Random& random, int operatorsPerBlock) {
  auto profile = test::makeProfile(test::randomLayer(random, operatorsPerBlock),
                                   static_cast<int32_t>(test::pick(random, 3, 9)),
                                   static_cast<int32_t>(test::pick(random, 1, 3)),
                                   static_cast<int32_t>(test::pick(random, 1, 5)));
  if (test::pick(random, 0, 3) == 0) {
    profile.kappa = 1.3;
    profile.rho = 1.2;
  }
  return profile;
}

StageGaps randomGaps(test::Random& random, const StageModel& model) {
  const auto draw = [&](int64_t count) {
    std::vector<int64_t> gaps(static_cast<size_t>(count), 0);
    if (model.shape().isLast()) return gaps;
    for (int64_t& gap : gaps) gap = test::pick(random, 0, 200);
    return gaps;
  };
  return {GradientGaps(draw(model.steadyCount())), GradientGaps(draw(model.tailCount()))};
}

// Every placement of every tensor that is legal as contracts.md section 2 says.
class BruteForce {
 public:
  BruteForce(const Stage& stage, const StageGaps& gaps, int64_t budgetBytes)
      : m_model(*stage.model),
        m_kind(stage.profile.kinds[0]),
        m_graph(stage.graphs.kinds[0]),
        m_gaps(gaps),
        m_budgetBytes(budgetBytes),
        m_policy(m_kind.operators.size()) {
    assign(0);
  }

  std::optional<int64_t> leastTimeNs, leastBytes;

 private:
  // Time order of the places of a layer's recomputations; kept tensors are there before all.
  static int timeOf(Placement placement) {
    if (placement.kind == PlacementKind::kRetained) return -1;
    if (placement.kind == PlacementKind::kWindow) return static_cast<int>(placement.window);
    return static_cast<int>(
        plan::WindowId::kOwnBwdMlp);  // on demand: before or after own.bwd.mlp, as inputs allow
  }

  bool exists(plan::WindowId window) const {
    using plan::WindowId;
    if (window == WindowId::kPipe) return true;
    if (window == WindowId::kFwdAttn || window == WindowId::kFwdMlp) return m_model.inFlight() > 1;
    return true;
  }

  // On demand before the MLP segment unless something it is made from comes later.
  bool rebuiltInTime(int16_t op) const {
    if (!m_graph.readInMlpSegment(op)) return true;
    if (m_policy[op] == *plan::placementFromText("window:own.bwd.mlp")) return false;
    for (int16_t input : m_graph.operators[op].inputs) {
      if (input >= 0 && m_policy[input].recomputed() && !rebuiltBeforeMlp(input)) return false;
    }
    return true;
  }
  bool rebuiltBeforeMlp(int16_t op) const {
    if (m_policy[op] == *plan::placementFromText("window:own.bwd.mlp")) return false;
    for (int16_t input : m_graph.operators[op].inputs) {
      if (input >= 0 && m_policy[input].recomputed() && !rebuiltBeforeMlp(input)) return false;
    }
    return true;
  }

  bool legal(int16_t op) const {
    const Placement placement = m_policy[op];
    if (placement.kind == PlacementKind::kDiscarded) return !m_kind.operators[op].needed();
    if (placement.kind == PlacementKind::kRetained) return true;
    const bool window = placement.kind == PlacementKind::kWindow;
    if (window && (op == m_graph.last() || !exists(placement.window))) return false;
    for (int16_t input : m_graph.operators[op].inputs) {
      if (input < 0) continue;
      if (m_policy[input].kind == PlacementKind::kDiscarded) return false;
      if (!window) continue;
      const bool onDemand = m_policy[input].kind == PlacementKind::kOnDemand;
      if (onDemand && (placement.window != plan::WindowId::kOwnBwdMlp || !rebuiltBeforeMlp(input)))
        return false;
      if (!onDemand && timeOf(m_policy[input]) > timeOf(placement)) return false;
    }
    return rebuiltInTime(op);
  }

  void assign(int16_t op) {
    if (op == m_graph.size()) {
      evaluate();
      return;
    }
    static const std::vector<std::string> kTexts{"discarded",
                                                 "retained",
                                                 "onDemand",
                                                 "window:fwd.attn",
                                                 "window:fwd.mlp",
                                                 "window:pipe",
                                                 "window:prev.bwd.mlp",
                                                 "window:prev.bwd.attn",
                                                 "window:own.bwd.mlp"};
    for (const std::string& text : kTexts) {
      m_policy[op] = *plan::placementFromText(text);
      if (legal(op)) assign(static_cast<int16_t>(op + 1));
    }
  }

  void evaluate() {
    const KindPolicies policies{m_policy};
    const ResolvedPolicies resolved = m_model.resolve(policies);
    const int64_t bytes = m_model.peakBytes(policies, resolved);
    leastBytes = std::min(leastBytes.value_or(bytes), bytes);
    if (bytes > m_budgetBytes) return;
    const int64_t time = objectiveNs(m_model, m_gaps, m_model.passTimes(resolved));
    leastTimeNs = std::min(leastTimeNs.value_or(time), time);
  }

  const StageModel& m_model;
  const profile::LayerKind& m_kind;
  const plan::LayerGraph& m_graph;
  const StageGaps& m_gaps;
  int64_t m_budgetBytes;
  std::vector<Placement> m_policy;
};

TEST(HeuSearch, equalsBruteForceOnSmallLayers) {
  int feasible = 0, infeasible = 0;
  for (uint64_t seed = 1; seed <= test::seedCount(60); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    test::Random random(seed);
    const auto profile = smallProfile(random, 1);
    const auto index = static_cast<int32_t>(test::pick(random, 0, profile.parallel.pipeline - 1));
    Stage stage(profile, index);
    const StageGaps gaps = randomGaps(random, *stage.model);
    const KindPolicies all{test::keepAll(profile.kinds[0])};
    const int64_t most = stage.model->peakBytes(all, stage.model->resolve(all));
    const KindPolicies none{test::recomputeAll(profile.kinds[0])};
    const int64_t least = stage.model->peakBytes(none, stage.model->resolve(none));
    const int64_t budget = test::pick(random, std::min(least, most) - 30, most);

    const BruteForce brute(stage, gaps, budget);
    const auto& expected = brute.leastTimeNs;
    HeuRequest request;
    request.budgetBytes = budget;
    const HeuPolicy found = searchHeu(*stage.model, gaps, request);
    EXPECT_TRUE(found.complete);
    ASSERT_EQ(found.found, expected.has_value()) << "budget " << budget;
    ++(found.found ? feasible : infeasible);
    if (found.found) {
      EXPECT_EQ(found.objectiveNs, *expected);
      EXPECT_LE(found.peakBytes, budget);
    }
    request.budgetBytes = kNoLimit;
    request.goal = HeuGoal::kLeastMemory;
    EXPECT_EQ(searchHeu(*stage.model, gaps, request).peakBytes, brute.leastBytes.value());
    if (testing::Test::HasFailure()) return;
  }
  EXPECT_GT(feasible, 10);
  EXPECT_GT(infeasible, 2);
}

// A window that leaves compute free for longer never makes recomputation cost more.
TEST(HeuSearch, costsNoMoreWhenAWindowGrows) {
  int cheaper = 0;
  for (uint64_t seed = 1; seed <= test::seedCount(300); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    test::Random random(seed);
    profile::Profile narrow = smallProfile(random, 2);
    narrow.kappa = narrow.rho = 1.0;
    if (narrow.kinds[0].windows.empty()) continue;
    for (profile::Window& window : narrow.kinds[0].windows)
      window.overlappedNs = window.transferNs * test::pick(random, 0, 4) / 4;
    profile::Profile wide = narrow;
    auto& grown = wide.kinds[0].windows[static_cast<size_t>(
        test::pick(random, 0, static_cast<int64_t>(wide.kinds[0].windows.size()) - 1))];
    grown.overlappedNs = test::pick(random, 0, grown.overlappedNs);
    const auto index = static_cast<int32_t>(test::pick(random, 0, narrow.parallel.pipeline - 1));
    const Stage before(narrow, index), after(wide, index);
    const StageGaps gaps = randomGaps(random, *before.model);
    const HeuPolicy least = searchHeu(*before.model, gaps, {.goal = HeuGoal::kLeastMemory});
    HeuRequest request;
    request.budgetBytes = least.peakBytes + test::pick(random, 0, least.peakBytes / 2);
    const HeuPolicy first = searchHeu(*before.model, gaps, request);
    const HeuPolicy second = searchHeu(*after.model, gaps, request);
    ASSERT_TRUE(first.found && first.complete && second.found && second.complete);
    EXPECT_LE(second.objectiveNs, first.objectiveNs);
    cheaper += second.objectiveNs < first.objectiveNs;
  }
  EXPECT_GT(cheaper, 20) << "the windows must matter for the test to say anything";
}

TEST(HeuSearch, stopsWhenAskedAndSaysSo) {
  test::Random random(1);
  const auto profile = smallProfile(random, 5);
  Stage stage(profile, 0);
  HeuRequest request;
  request.nodeLimit = 3;
  EXPECT_FALSE(searchHeu(*stage.model, {}, request).complete);
}

}  // namespace
}  // namespace caracal::planner
