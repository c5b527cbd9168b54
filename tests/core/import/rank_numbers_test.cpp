#include "core/import/rank_numbers.h"

#include <gtest/gtest.h>

namespace caracal::import {
namespace {

TEST(RankNumbers, aFileNameTellsItsRankInTheWaysThatToolsWriteIt) {
  EXPECT_EQ(rankFromFileName("/runs/rank-34.Jul_15_10_52_41.1074.pt.trace.json.gz"), 34);
  EXPECT_EQ(rankFromFileName("Baseline - 12-11 - 220ff-rank6-chrome-trace.json.gz"), 6);
  EXPECT_EQ(rankFromFileName("iteration_10/rank12_trace.json"), 12);
  EXPECT_EQ(rankFromFileName("worker3.pt.trace.json.gz"), 3);
  EXPECT_EQ(rankFromFileName("megatron_kineto_7.json.gz"), 7);
  EXPECT_EQ(rankFromFileName("mtia_rank_0.json.gz"), 0);
}

TEST(RankNumbers, numbersThatAreNotRanksAreNotTaken) {
  EXPECT_EQ(rankFromFileName("host_1375.1724066820235157909.pt.trace.json"), std::nullopt);
  EXPECT_EQ(rankFromFileName("frank3.json"), std::nullopt);
  EXPECT_EQ(rankFromFileName("rank5/trace.json"),
            std::nullopt);  // a folder's name is not the file's
  EXPECT_EQ(rankFromFileName("rank99999999999.json"), std::nullopt);
}

// In the order that a shell gives, the eleventh comes third.
TEST(RankNumbers, namesThatDifferInOneNumberFromZeroOnAreRanks) {
  EXPECT_EQ(ranksFromNumberedNames({"/a/trace_0.json", "/a/trace_10.json", "/b/trace_2.json"}),
            (std::vector<int32_t>{0, 10, 2}));
  EXPECT_EQ(ranksFromNumberedNames({"0.json.gz", "1.json.gz"}), (std::vector<int32_t>{0, 1}));
  EXPECT_EQ(ranksFromNumberedNames({"gpu10_x.sqlite", "gpu0_x.sqlite"}),
            (std::vector<int32_t>{10, 0}));
  using Names = std::vector<std::string>;
  for (const Names& names :
       {Names{"run_1375.json", "run_1376.json"},
        Names{"host_1375.17240.json", "host_1376.17241.json"}, Names{"a.json", "b.json"},
        Names{"trace_0.json"}, Names{"trace_0.json", "trace_0.json"},
        Names{"trace.json", "trace1.json"}, Names{"before_0.json", "after_1.json"}})
    EXPECT_TRUE(ranksFromNumberedNames(names).empty()) << names.front();
}

TEST(RankNumbers, ranksThatNobodyTellsGetTheFreeNumbersInFileOrderAndAreCounted) {
  std::vector<trace::TraceBuilder> builders(4);
  builders[0].addRank({.rank = -1, .file = "b.json"});
  builders[1].addRank({.rank = 0, .file = "a.json", .foundBy = "distributedInfo"});
  builders[2].addRank({.rank = -1, .file = "rank2.json"});
  builders[3].addRank({.rank = -1, .file = "c.json"});
  numberRanks(builders);
  EXPECT_EQ(builders[0].rank(0).rank, 1);
  EXPECT_EQ(builders[1].rank(0).rank, 0);
  EXPECT_EQ(builders[2].rank(0).rank, 2);
  EXPECT_EQ(builders[3].rank(0).rank, 3);
  EXPECT_EQ(builders[2].rank(0).foundBy, "file name");
  EXPECT_EQ(builders[1].report().of(trace::Defect::kUnknownRank), 0);
  EXPECT_EQ(builders[3].report().of(trace::Defect::kUnknownRank), 1);
}

}  // namespace
}  // namespace caracal::import
