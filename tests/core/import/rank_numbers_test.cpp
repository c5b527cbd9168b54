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
