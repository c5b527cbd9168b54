#include "app/runs/abilities.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "app/runs/measure_job.h"
#include "app/runs/program.h"

namespace caracal::runs {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(Abilities, areReadFromTheLineThatCaracalRunWrites) {
  const auto all = parseAbilities(
      R"({"event":"abilities","cuda":{"problem":"","devices":["H100","H200"]},"processes":{"problem":""}})");
  ASSERT_TRUE(all);
  EXPECT_EQ(*all, (RunAbilities{"", {"H100", "H200"}, ""}));
  const auto none = parseAbilities(
      R"({"event":"abilities","cuda":{"problem":"no driver","devices":[]},"processes":{"problem":"no MPI"}})");
  ASSERT_TRUE(none);
  EXPECT_EQ(*none, (RunAbilities{"no driver", {}, "no MPI"}));
}

TEST(Abilities, thatAreNotSaidAreNotThere) {
  EXPECT_FALSE(parseAbilities("not JSON"));
  EXPECT_FALSE(parseAbilities(R"({"event":"step"})"));
  EXPECT_FALSE(parseAbilities(R"({"event":7})"));
  const auto vague = parseAbilities(R"({"event":"abilities","cuda":3,"processes":{"problem":[]}})");
  ASSERT_TRUE(vague);
  EXPECT_FALSE(vague->whyNoCuda.empty());
  EXPECT_FALSE(vague->whyNoProcesses.empty());
}

// The real caracal-run, beside this test.
TEST(Abilities, areAskedForAndAnswered) {
  const auto asked = askAbilities({});
  ASSERT_TRUE(asked) << asked.error().text();
  EXPECT_EQ(asked->whyNoCuda.empty(), !asked->gpus.empty());
  EXPECT_THAT(asked->whyNoCuda, testing::Not(HasSubstr("does not say")));
  EXPECT_THAT(asked->whyNoProcesses, testing::Not(HasSubstr("does not say")));
}

TEST(RunCommand, isCaracalRunOrALauncherThatStartsItForEachRank) {
  const auto alone = commandOf("/bin/caracal-run", {"--steps", "3"});
  ASSERT_TRUE(alone);
  EXPECT_THAT(*alone, ElementsAre("/bin/caracal-run", "--steps", "3"));
  const auto launcher = findProgram("mpirun");
  const auto launched = commandOf("/bin/caracal-run", {"--steps", "3"}, 4);
  ASSERT_EQ(launched.has_value(), launcher.has_value());
  if (!launcher) GTEST_SKIP() << launcher.error().text();
  std::vector<std::string> expected{*launcher, "-n", "4", "--oversubscribe"};
  if (geteuid() == 0) expected.emplace_back("--allow-run-as-root");
  expected.insert(expected.end(), {"/bin/caracal-run", "--steps", "3"});
  EXPECT_EQ(*launched, expected);
}

}  // namespace
}  // namespace caracal::runs
