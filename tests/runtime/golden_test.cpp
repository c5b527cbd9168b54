// Training on real text, a file of this project, follows the curve that it followed before. The
// losses may differ by what another processor's order of sums makes of them, and by nothing more.
#include <gtest/gtest.h>

#include <array>

#include "tests/runtime/tiny_model.h"

namespace caracal::executor {
namespace {

// Losses of steps 0, 10, 20, ... of the run below, on an AVX-512 processor.
constexpr std::array<double, 6> kGolden{5.56257, 3.56215, 3.14478, 3.14055, 3.08269, 3.39746};
constexpr int32_t kStride = 10;

TEST(GoldenCurve, ofTrainingOnTheLicence) {
  test::Sizes sizes;
  sizes.pipeline = 2;
  auto model = test::tinyModel(sizes);
  model.shape.sequence = 32;
  model.shape.hidden = 32;
  const auto job = jobFromModel(model);
  ASSERT_TRUE(job) << job.error().text();
  auto text = model::TextSource::open(CARACAL_SOURCE_DIR "/LICENSE", model.shape.sequence);
  ASSERT_TRUE(text) << text.error().text();
  RunOptions options = test::quickOptions(kStride * (kGolden.size() - 1) + 1);
  options.seed = 2026;
  const auto summary = run(*job, options, std::make_shared<const model::TextSource>(*text));
  ASSERT_TRUE(summary) << summary.error().text();
  const auto losses = test::lossesOf(*summary);
  for (size_t i = 0; i < kGolden.size(); ++i)
    EXPECT_NEAR(losses[i * kStride], kGolden[i], 1e-3 * kGolden[i]) << "step " << i * kStride;
  EXPECT_LT(kGolden.back(), 0.75 * kGolden.front()) << "the curve of a run that learned";
}

}  // namespace
}  // namespace caracal::executor
