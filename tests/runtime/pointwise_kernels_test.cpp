// Random numbers, dropout's masks, exponentials and AdamW against what they are defined to be.
#include <gtest/gtest.h>

#include <cmath>

#include "runtime/kernels/adamw.h"
#include "runtime/kernels/dropout.h"
#include "runtime/kernels/exponential.h"
#include "runtime/kernels/philox.h"
#include "tests/runtime/finite_differences.h"

namespace caracal::kernels {
namespace {

DropoutSite siteWith(float probability) {
  return {42, 3, 5, 7, probability};
}

TEST(Philox, givesTheKnownAnswersOfItsAuthors) {
  // Random123's kat_vectors: philox4x32 10 rounds, counter and key all zero, then all ones.
  EXPECT_EQ(philox({0, 0, 0, 0}, 0), (PhiloxBlock{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  constexpr uint32_t kOnes = 0xffffffff;
  EXPECT_EQ(philox({kOnes, kOnes, kOnes, kOnes}, ~uint64_t{0}),
            (PhiloxBlock{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
}

TEST(FastExp, staysWithinItsStatedError) {
  for (float x = -80; x < 80; x += 0.01F) {
    const double expected = std::exp(static_cast<double>(x));
    EXPECT_NEAR(fastExp(x) / expected, 1.0, 3e-7) << "x = " << x;
  }
  EXPECT_GT(fastExp(-1e30F), 0.0F);
  EXPECT_TRUE(std::isfinite(fastExp(1e30F)));
}

TEST(Dropout, dropsTheAskedShareAndKeepsTheMean) {
  const Vector x(100'000, 1.0F);
  Vector y(x.size());
  dropout(siteWith(0.3F), {0, 100'000}, x.data(), y.data());
  const auto dropped = static_cast<double>(std::count(y.begin(), y.end(), 0.0F));
  EXPECT_NEAR(dropped / 100'000, 0.3, 0.01);
  EXPECT_NEAR(std::accumulate(y.begin(), y.end(), 0.0) / 100'000, 1.0, 0.02);
}

TEST(Dropout, aSliceMakesTheMaskOfItsPlaceInTheWhole) {
  const Vector x = randomVector(64, 24);
  Vector whole(64);
  dropout(siteWith(0.5F), {0, 64}, x.data(), whole.data());
  Vector slice(32);
  dropout(siteWith(0.5F), {16, 32}, x.data() + 16, slice.data());
  EXPECT_TRUE(std::equal(slice.begin(), slice.end(), whole.begin() + 16));
}

TEST(Dropout, differsBetweenStepsSamplesPlacesAndSeeds) {
  const Vector x(256, 1.0F);
  const auto maskOf = [&](DropoutSite site) {
    Vector y(256);
    dropout(site, {0, 256}, x.data(), y.data());
    return y;
  };
  const DropoutSite site = siteWith(0.5F);
  const Vector mask = maskOf(site);
  EXPECT_EQ(maskOf(site), mask);
  for (DropoutSite other : {DropoutSite{43, 3, 5, 7, 0.5F}, DropoutSite{42, 4, 5, 7, 0.5F},
                            DropoutSite{42, 3, 6, 7, 0.5F}, DropoutSite{42, 3, 5, 8, 0.5F}}) {
    EXPECT_NE(maskOf(other), mask);
  }
}

TEST(Dropout, withProbabilityZeroCopies) {
  const Vector x = randomVector(16, 25);
  Vector y(16);
  dropout(siteWith(0), {0, 16}, x.data(), y.data());
  EXPECT_EQ(x, y);
}

TEST(Dropout, biasDropoutAddIsItsThreePartsInOrder) {
  const Vector x = randomVector(32, 26);
  const Vector bias = randomVector(8, 27);
  const Vector base = randomVector(32, 28);
  Vector y(32);
  biasDropoutAdd(siteWith(0.4F), {0, 32}, 8, x.data(), bias.data(), base.data(), y.data());
  Vector expected(32);
  for (size_t i = 0; i < 32; ++i) expected[i] = x[i] + bias[i % 8];
  dropout(siteWith(0.4F), {0, 32}, expected.data(), expected.data());
  for (size_t i = 0; i < 32; ++i) expected[i] += base[i];
  EXPECT_EQ(y, expected);
}

TEST(Adamw, firstUpdateMovesByTheWarmedUpRateAgainstTheGradient) {
  AdamwOptions options;
  options.learningRate = 0.1F;
  options.warmupUpdates = 2;
  options.weightDecay = 0;
  const Vector gradient{0.5F, -2.0F};
  Vector weight{1.0F, 1.0F};
  Vector m(2);
  Vector v(2);
  adamw(options, 1, 2, gradient.data(), weight.data(), m.data(), v.data());
  // With corrected moments the first direction is g / |g|; the rate is half of 0.1.
  EXPECT_NEAR(weight[0], 0.95F, 1e-6);
  EXPECT_NEAR(weight[1], 1.05F, 1e-6);
}

TEST(Adamw, decayShrinksWeightsWithoutGradients) {
  AdamwOptions options;
  options.learningRate = 0.1F;
  options.warmupUpdates = 1;
  options.weightDecay = 0.5F;
  const Vector gradient{0.0F};
  Vector weight{2.0F};
  Vector m(1);
  Vector v(1);
  adamw(options, 1, 1, gradient.data(), weight.data(), m.data(), v.data());
  EXPECT_NEAR(weight[0], 2.0F * (1 - 0.1F * 0.5F), 1e-6);
}

}  // namespace
}  // namespace caracal::kernels
