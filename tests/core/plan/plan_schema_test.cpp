#include <gtest/gtest.h>

#include "core/base/files.h"
#include "core/base/resources.h"
#include "core/plan/plan_json.h"
#include "core/profile/profile_json.h"
#include "tests/support/json_schema.h"
#include "tests/support/layers.h"

namespace caracal::plan {
namespace {

using NoViolations = std::vector<std::string>;

TEST(PlanSchema, plansWeWriteConform) {
  const test::JsonSchema schema(*readTextFile(*findResource("schema/plan.schema.json")));
  constexpr uint64_t kSeed = 11;
  test::Random random(kSeed);
  for (int round = 0; round < 20; ++round) {
    const profile::Profile profile = test::makeProfile(test::randomLayer(random, 4), 6, 2, 4);
    const Plan plan = test::makePlanOf(profile, {test::randomPlacements(random, profile.kinds[0])});
    EXPECT_EQ(schema.violations(toJson(plan, profile)), NoViolations{})
        << "seed " << kSeed << " round " << round;
  }
}

TEST(PlanSchema, everyPlacementWeKnowIsInTheSchemaAndNoOther) {
  const test::JsonSchema schema(*readTextFile(*findResource("schema/plan.schema.json")));
  const profile::Profile profile = test::makeProfile(test::tinyLayer(), 2, 1, 4);
  Plan plan = test::makePlanOf(profile, {test::keepAll(profile.kinds[0])});
  std::vector<Placement> all{{PlacementKind::kDiscarded},
                             {PlacementKind::kRetained},
                             {PlacementKind::kOnDemand},
                             {PlacementKind::kOffload},
                             {PlacementKind::kRepeated}};
  for (int window = 0; window < kWindowCount; ++window) {
    all.push_back({PlacementKind::kWindow, static_cast<WindowId>(window)});
  }
  for (const Placement placement : all) {
    plan.stages[0].layers[0].placements[0] = placement;
    EXPECT_EQ(schema.violations(toJson(plan, profile)), NoViolations{}) << toText(placement);
  }
  auto document = nlohmann::json::parse(toJson(plan, profile));
  document["policies"][0]["placements"]["ln1"] = "window:door";
  EXPECT_EQ(schema.violations(document.dump()).size(), 1u);
}

}  // namespace
}  // namespace caracal::plan
