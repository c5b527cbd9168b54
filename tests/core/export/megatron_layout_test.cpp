#include "core/export/megatron_layout.h"

#include <gtest/gtest.h>

#include <random>

namespace caracal::exporter {
namespace {

using Stages = std::vector<std::string>;

TEST(MegatronLayout, writesStagesWithEmbeddingAndLoss) {
  EXPECT_EQ(layoutText({9, 8, 8, 7}), "Et*9|t*8|t*8|t*7,L");
  EXPECT_EQ(layoutText({4}), "Et*4,L");
  EXPECT_EQ(layoutText({0, 4, 0}), "E|t*4|L");
}

TEST(MegatronLayout, readsRepeatsGroupsAndCommas) {
  EXPECT_EQ(*parseLayout("Et*3|t*2,L"), (Stages{"Ettt", "ttL"}));
  EXPECT_EQ(*parseLayout("E,t,(t|t)*3,L"), (Stages{"Ett", "tt", "tt", "tL"}));
  EXPECT_EQ(*parseLayout("Et|(tt|)*3L"), (Stages{"Et", "tt", "tt", "tt", "L"}));
  EXPECT_EQ(*parseLayout("E|*2tmL"), (Stages{"E", "", "tmL"}));
  EXPECT_EQ(*parseLayout("E(t*2)*2L"), (Stages{"EttttL"}));
}

TEST(MegatronLayout, refusesWhatTheTargetsParserWouldNotRead) {
  const std::pair<const char*, const char*> cases[] = {
      {"E t*3|L", "only E, t, m, L"},      {"Ex|L", "only E, t, m, L"},
      {"E(t|L", "is not closed"},          {"E((t)*2)*2L", "cannot be nested"},
      {"Et*|L", "\"*\" needs a number"},   {"E(t|t)L", "a group needs a repeat"},
      {"E()*2L", "a group is empty"},      {"Et*99999999999|L", "too many layers"},
      {"(t*1000)*9999", "too many layers"}};
  for (const auto& [text, expected] : cases) {
    const auto stages = parseLayout(text);
    ASSERT_FALSE(stages) << text;
    EXPECT_NE(stages.error().message.find(expected), std::string::npos) << stages.error().message;
  }
}

TEST(MegatronLayout, everyPartitionSurvivesARoundTrip) {
  constexpr uint64_t kSeed = 3;
  std::mt19937_64 random(kSeed);
  for (int round = 0; round < 200; ++round) {
    std::vector<int32_t> partition(1 + random() % 9);
    for (int32_t& layers : partition) layers = static_cast<int32_t>(random() % 20);
    const auto stages = parseLayout(layoutText(partition));
    ASSERT_TRUE(stages) << "seed " << kSeed << " round " << round;
    ASSERT_EQ(stages->size(), partition.size());
    for (size_t s = 0; s < partition.size(); ++s) {
      const auto ends = (s == 0 ? 1 : 0) + (s + 1 == partition.size() ? 1 : 0);
      EXPECT_EQ(static_cast<int32_t>((*stages)[s].size()), partition[s] + ends)
          << layoutText(partition);
    }
  }
}

}  // namespace
}  // namespace caracal::exporter
