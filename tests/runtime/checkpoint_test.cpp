// Training that ends and goes on is the training that never ended.
#include "runtime/executor/checkpoint.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "core/base/files.h"
#include "tests/runtime/tiny_model.h"

namespace caracal::executor {
namespace {

class CheckpointTest : public testing::Test {
 protected:
  CheckpointTest() {
    std::string pattern = (std::filesystem::temp_directory_path() / "caracal_ckpt_XXXXXX").string();
    m_folder = mkdtemp(pattern.data());
    m_path = (m_folder / "run.ckpt").string();
  }
  ~CheckpointTest() override { std::filesystem::remove_all(m_folder); }

  RunSummary trained(const Job& job, const RunOptions& options) const {
    auto summary = test::train(job, options);
    EXPECT_TRUE(summary) << summary.error().text();
    return std::move(*summary);
  }

  // Two steps, written to m_path.
  void trainHalf(const Job& job) const {
    RunOptions options = test::quickOptions(2);
    options.checkpointPath = m_path;
    trained(job, options);
  }

  std::filesystem::path m_folder;
  std::string m_path;
};

Job jobOf(const test::Sizes& sizes, const std::string& schedule = "1F1B") {
  auto job = jobFromModel(test::tinyModel(sizes), schedule);
  EXPECT_TRUE(job) << job.error().text();
  return std::move(*job);
}

test::Sizes splitSizes() {
  test::Sizes sizes;
  sizes.tensor = 2;
  sizes.pipeline = 2;
  sizes.data = 2;
  return sizes;
}

TEST_F(CheckpointTest, twoHalvesAreTheWholeBitForBit) {
  const Job job = jobOf(splitSizes());
  const RunSummary whole = trained(job, test::quickOptions(4));
  trainHalf(job);
  const auto checkpoint = Checkpoint::open(m_path);
  ASSERT_TRUE(checkpoint) << checkpoint.error().text();
  EXPECT_EQ(checkpoint->progressed().stepsDone, 2);
  // The rest under another schedule, whose stages hold other layers.
  for (const Job& rest : {job, jobOf(splitSizes(), "interleaved:2")}) {
    RunOptions options = test::quickOptions(2);
    options.resumeFrom = &*checkpoint;
    const RunSummary half = trained(rest, options);
    ASSERT_EQ(half.steps.size(), 2U);
    EXPECT_EQ(half.steps.front().step, 2);
    EXPECT_EQ(half.steps.back().loss, whole.steps.back().loss) << rest.plan.schedule;
    EXPECT_EQ(test::weightsOf(half), test::weightsOf(whole)) << rest.plan.schedule;
  }
}

TEST_F(CheckpointTest, isWrittenEveryFewStepsAndAfterTheLast) {
  RunOptions options = test::quickOptions(5);
  options.checkpointPath = m_path;
  options.checkpointEvery = 2;
  std::vector<int32_t> seen;  // steps done in the checkpoint that each step finds
  const auto observe = [&](const StepReport&, const auto&) -> Result<Continue> {
    const auto checkpoint = Checkpoint::open(m_path);
    seen.push_back(checkpoint ? checkpoint->progressed().stepsDone : 0);
    return Continue::kYes;
  };
  ASSERT_TRUE(test::train(jobOf({}), options, observe));
  EXPECT_EQ(seen, (std::vector<int32_t>{0, 0, 2, 2, 4}));
  EXPECT_EQ(Checkpoint::open(m_path)->progressed().stepsDone, 5);
}

TEST_F(CheckpointTest, otherModelsAndTensorSplitsAreRefusedByParameter) {
  trainHalf(jobOf(splitSizes()));
  const auto checkpoint = Checkpoint::open(m_path);
  ASSERT_TRUE(checkpoint);
  test::Sizes whole = splitSizes(), deeper = splitSizes();
  whole.tensor = 1;
  deeper.layers = 6;
  for (const auto& [sizes, parameter] :
       {std::pair{whole, "qkv.weight"}, std::pair{deeper, "layer4"}}) {
    RunOptions options = test::quickOptions(1);
    options.resumeFrom = &*checkpoint;
    const auto refused = test::train(jobOf(sizes), options);
    ASSERT_FALSE(refused);
    EXPECT_NE(refused.error().text().find(parameter), std::string::npos) << refused.error().text();
  }
}

TEST_F(CheckpointTest, damageIsFound) {
  trainHalf(jobOf({}));
  const std::string good = *readTextFile(m_path);
  const auto openWith = [&](const std::string& content) {
    std::ofstream(m_path, std::ios::binary) << content;
    return Checkpoint::open(m_path);
  };
  ASSERT_TRUE(openWith(good));
  for (size_t at = 0; at < good.size(); at += good.size() / 50) {
    std::string flipped = good;
    flipped[at] = static_cast<char>(flipped[at] ^ 4);
    EXPECT_FALSE(openWith(flipped)) << "byte " << at;
    EXPECT_FALSE(openWith(good.substr(0, at))) << "cut at " << at;
  }
}

}  // namespace
}  // namespace caracal::executor
