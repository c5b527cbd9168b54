// Documents with random damage: whatever is still read either simulates or is refused in words.
#include <gtest/gtest.h>

#include "core/plan/plan_json.h"
#include "core/profile/profile_json.h"
#include "core/sim/simulator.h"
#include "tests/support/layers.h"
#include "tests/support/schedules.h"

namespace caracal::sim {
namespace {

// Once or twice: a few bytes changed, removed or doubled or, mostly, a number replaced.
std::string damaged(test::Random& random, std::string text) {
  static const std::vector<std::string> extremes{
      "-1",    "0",    "1",    "2",  "3", "17", "2147483647", "1000000000000000",
      "1e308", "null", "\"\"", "[]", "{}"};
  const auto anywhere = [&] {
    return static_cast<size_t>(test::pick(random, 0, static_cast<int64_t>(text.size()) - 1));
  };
  for (int64_t times = test::pick(random, 1, 2); times > 0; --times) {
    const size_t at = anywhere();
    switch (test::pick(random, 0, 6)) {
      case 0:
        text[at] = static_cast<char>(test::pick(random, 32, 126));
        break;
      case 1:
        text.erase(at, static_cast<size_t>(test::pick(random, 1, 9)));
        break;
      case 2:
        text.insert(at, text.substr(anywhere(), static_cast<size_t>(test::pick(random, 1, 40))));
        break;
      default: {
        const size_t digit = text.find_first_of("0123456789", at);
        if (digit == std::string::npos) break;
        const size_t end = text.find_first_not_of("0123456789.", digit);
        const auto last = static_cast<int64_t>(extremes.size()) - 1;
        text.replace(digit, end - digit,
                     extremes[static_cast<size_t>(test::pick(random, 0, last))]);
      }
    }
  }
  return text;
}

struct Documents {
  std::string profile, plan;
};

enum class Policies { kKeepAll, kRandom };

Documents documentsOf(const std::string& schedule, Policies policies, test::Random& random) {
  const test::SizedSchedule sized = test::randomSizes(random, schedule, 3);
  auto profile = test::makeProfile(test::tinyLayer(), 8, sized.devices, sized.microBatches);
  profile.kinds.push_back(test::randomLayer(random, 3));
  profile.layers[3] = 1;
  profile.hostLink = {3, 5e9};
  profile.memory.hostBudgetBytes = 1 << 20;
  profile.pipelineLink.shared = true;
  profile.parallel.data = 2;
  profile.parallel.overlapGradientReduce = true;
  const auto policyOf = [&](const profile::LayerKind& kind) {
    return test::offloadSome(random, kind,
                             policies == Policies::kKeepAll ? test::keepAll(kind)
                                                            : test::randomPlacements(random, kind));
  };
  auto plan =
      test::makePlanOf(profile, {policyOf(profile.kinds[0]), policyOf(profile.kinds[1])}, schedule);
  plan.profileHash = profile::hashOf(profile);
  return {profile::toJson(profile), plan::toJson(plan, profile)};
}

// Reads, checks and simulates; whether it got as far as a step.
bool runs(const Documents& documents) {
  const auto profile = profile::profileFromJson(documents.profile);
  if (!profile) {
    EXPECT_FALSE(profile.error().message.empty());
    return false;
  }
  auto plan = plan::planFromJson(documents.plan, *profile);
  if (!plan) {
    EXPECT_FALSE(plan.error().message.empty());
    return false;
  }
  plan->profileHash = profile::hashOf(*profile);  // damage elsewhere must not be caught by the hash
  plan->parallel = profile->parallel;
  plan->model = profile->model;
  if (const auto valid = plan::validate(*profile, *plan); !valid) {
    EXPECT_FALSE(valid.error().message.empty());
    return false;
  }
  const auto result = simulate(*profile, *plan);
  EXPECT_TRUE(result || !result.error().message.empty());
  return result.has_value();
}

TEST(DamagedDocuments, areWholeBeforeTheDamage) {
  test::Random random(1);
  for (const std::string& schedule : test::scheduleNames())
    EXPECT_TRUE(runs(documentsOf(schedule, Policies::kKeepAll, random))) << schedule;
}

TEST(DamagedDocuments, neverCrash) {
  int whole = 0;
  for (uint64_t seed = 1; seed <= 600; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    test::Random random(seed);
    const auto& names = test::scheduleNames();
    Documents documents = documentsOf(
        names[seed % names.size()], seed % 3 == 0 ? Policies::kKeepAll : Policies::kRandom, random);
    std::string& victim = seed % 2 == 0 ? documents.profile : documents.plan;
    victim = damaged(random, victim);
    whole += runs(documents);
    if (testing::Test::HasFailure()) return;
  }
  EXPECT_GT(whole, 20) << "some damage is harmless, so the simulator was reached";
}

}  // namespace
}  // namespace caracal::sim
