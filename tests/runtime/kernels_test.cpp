// Each kernel against finite differences, and against what it is defined to be.
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <numeric>
#include <random>
#include <vector>

#include "runtime/kernels/adamw.h"
#include "runtime/kernels/attention.h"
#include "runtime/kernels/cross_entropy.h"
#include "runtime/kernels/dropout.h"
#include "runtime/kernels/embedding.h"
#include "runtime/kernels/exponential.h"
#include "runtime/kernels/gelu.h"
#include "runtime/kernels/gemm.h"
#include "runtime/kernels/layer_norm.h"
#include "runtime/kernels/philox.h"

namespace caracal::kernels {
namespace {

using Vector = std::vector<float>;

Vector randomVector(size_t count, uint32_t seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal(0, 1);
  Vector values(count);
  for (float& value : values) value = normal(random);
  return values;
}

double dot(const Vector& a, const Vector& b) {
  return std::inner_product(a.begin(), a.end(), b.begin(), 0.0);
}

// Compares `gradient` with central differences of objective() over every element of `values`.
void expectGradient(Vector& values, const Vector& gradient,
                    const std::function<double()>& objective) {
  constexpr float kStep = 1e-2F;
  ASSERT_EQ(values.size(), gradient.size());
  for (size_t i = 0; i < values.size(); ++i) {
    const float value = values[i];
    values[i] = value + kStep;
    const double above = objective();
    values[i] = value - kStep;
    const double below = objective();
    values[i] = value;
    const double expected = (above - below) / (2.0 * kStep);
    EXPECT_NEAR(gradient[i], expected, 2e-3 + 1e-2 * std::abs(expected)) << "element " << i;
  }
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

TEST(Linear, computesAProductAndItsGradients) {
  useOneBlasThread();
  const LinearShape shape{3, 5, 4};
  Vector x = randomVector(15, 1);
  Vector w = randomVector(20, 2);
  Vector bias = randomVector(4, 3);
  const Vector dy = randomVector(12, 4);
  const auto objective = [&] {
    Vector y(12);
    linearForward(shape, x.data(), w.data(), bias.data(), y.data());
    return dot(y, dy);
  };
  Vector y(12);
  linearForward(shape, x.data(), w.data(), bias.data(), y.data());
  const double first =
      std::inner_product(x.begin(), x.begin() + 5, w.begin(), static_cast<double>(bias[0]));
  EXPECT_NEAR(y[0], first, 1e-5);

  Vector dx(15);
  Vector dw(20);
  Vector dbias(4);
  linearBackwardInput(shape, dy.data(), w.data(), dx.data());
  linearBackwardWeight(shape, x.data(), dy.data(), dw.data(), dbias.data());
  expectGradient(x, dx, objective);
  expectGradient(w, dw, objective);
  expectGradient(bias, dbias, objective);
}

TEST(LayerNorm, normalisesRowsAndHasTheRightGradients) {
  const RowShape shape{3, 8};
  Vector x = randomVector(24, 5);
  Vector gamma = randomVector(8, 6);
  Vector beta = randomVector(8, 7);
  const Vector dy = randomVector(24, 8);
  const auto objective = [&] {
    Vector y(24);
    layerNormForward(shape, x.data(), gamma.data(), beta.data(), y.data());
    return dot(y, dy);
  };
  Vector dx(24);
  Vector dgamma(8);
  Vector dbeta(8);
  layerNormBackward(shape, x.data(), gamma.data(), dy.data(), dx.data(), dgamma.data(),
                    dbeta.data());
  expectGradient(x, dx, objective);
  expectGradient(gamma, dgamma, objective);
  expectGradient(beta, dbeta, objective);

  const Vector ones(8, 1.0F);
  const Vector zeros(8, 0.0F);
  Vector y(24);
  layerNormForward(shape, x.data(), ones.data(), zeros.data(), y.data());
  EXPECT_NEAR(std::accumulate(y.begin(), y.begin() + 8, 0.0), 0.0, 1e-5);
  EXPECT_NEAR(std::inner_product(y.begin(), y.begin() + 8, y.begin(), 0.0), 8.0, 1e-3);
}

TEST(LayerNorm, addsToTheGradientThatIsAlreadyThere) {
  const RowShape shape{1, 4};
  const Vector x = randomVector(4, 9);
  const Vector gamma(4, 1.0F);
  const Vector dy = randomVector(4, 10);
  Vector once(4, 0.0F);
  Vector onTop(4, 3.0F);
  Vector dgamma(4);
  Vector dbeta(4);
  layerNormBackward(shape, x.data(), gamma.data(), dy.data(), once.data(), dgamma.data(),
                    dbeta.data());
  layerNormBackward(shape, x.data(), gamma.data(), dy.data(), onTop.data(), dgamma.data(),
                    dbeta.data());
  for (size_t i = 0; i < 4; ++i) EXPECT_FLOAT_EQ(onTop[i], once[i] + 3.0F);
}

TEST(Gelu, matchesItsFormulaAndGradient) {
  Vector x = randomVector(64, 11);
  const Vector dy = randomVector(64, 12);
  Vector y(64);
  geluForward(64, x.data(), y.data());
  for (size_t i = 0; i < 64; ++i) {
    const double u = std::sqrt(2 / M_PI) * (x[i] + 0.044715 * std::pow(x[i], 3));
    EXPECT_NEAR(y[i], x[i] / 2 * (1 + std::tanh(u)), 1e-6);
  }
  Vector dx = dy;
  geluBackward(64, x.data(), dx.data());
  expectGradient(x, dx, [&] {
    Vector out(64);
    geluForward(64, x.data(), out.data());
    return dot(out, dy);
  });
}

constexpr AttentionShape kAttention{2, 4, 3, 4};  // batch, sequence, heads, width
constexpr size_t kQkvSize = 2 * 4 * 3 * 3 * 4;
constexpr size_t kSquareSize = 2 * 3 * 4 * 4;
constexpr size_t kContextSize = 2 * 4 * 3 * 4;

TEST(Attention, scoresHaveTheRightGradient) {
  Vector qkv = randomVector(kQkvSize, 13);
  const Vector dscores = randomVector(kSquareSize, 14);
  Vector dqkv(kQkvSize);
  scoresBackward(kAttention, qkv.data(), dscores.data(), dqkv.data());
  expectGradient(qkv, dqkv, [&] {
    Vector scores(kSquareSize);
    scoresForward(kAttention, qkv.data(), scores.data());
    return dot(scores, dscores);
  });
}

TEST(Attention, softmaxLooksOnlyBackAndHasTheRightGradient) {
  Vector scores = randomVector(kSquareSize, 15);
  Vector probabilities(kSquareSize);
  causalSoftmaxForward(kAttention, scores.data(), probabilities.data());
  for (size_t row = 0; row < kSquareSize / 4; ++row) {
    const size_t visible = row % 4 + 1;
    const auto begin = probabilities.begin() + static_cast<int64_t>(row * 4);
    EXPECT_NEAR(std::accumulate(begin, begin + 4, 0.0), 1.0, 1e-6);
    for (size_t j = visible; j < 4; ++j) EXPECT_EQ(begin[static_cast<int64_t>(j)], 0.0F);
  }
  const Vector dprobabilities = randomVector(kSquareSize, 16);
  Vector dscores = dprobabilities;
  causalSoftmaxBackward(kAttention, probabilities.data(), dscores.data());
  expectGradient(scores, dscores, [&] {
    Vector out(kSquareSize);
    causalSoftmaxForward(kAttention, scores.data(), out.data());
    return dot(out, dprobabilities);
  });
}

TEST(Attention, contextHasTheRightGradients) {
  Vector qkv = randomVector(kQkvSize, 17);
  Vector probabilities = randomVector(kSquareSize, 18);
  const Vector dcontext = randomVector(kContextSize, 19);
  const auto objective = [&] {
    Vector context(kContextSize);
    contextForward(kAttention, probabilities.data(), qkv.data(), context.data());
    return dot(context, dcontext);
  };
  Vector dprobabilities(kSquareSize);
  Vector dqkv(kQkvSize);
  contextBackward(kAttention, probabilities.data(), qkv.data(), dcontext.data(),
                  dprobabilities.data(), dqkv.data());
  expectGradient(probabilities, dprobabilities, objective);
  expectGradient(qkv, dqkv, objective);
}

TEST(CrossEntropy, isTheMeanLogLossWithItsGradient) {
  Vector logits = randomVector(24, 20);
  const std::vector<uint8_t> targets{1, 0, 7};
  Vector probabilities(24);
  const double loss = crossEntropyForward(8, logits.data(), targets, probabilities.data());
  double expected = 0;
  for (size_t t = 0; t < 3; ++t) expected -= std::log(probabilities[t * 8 + targets[t]]) / 3;
  EXPECT_NEAR(loss, expected, 1e-6);

  Vector dlogits(24);
  crossEntropyBackward(8, probabilities.data(), targets, 0.5F, dlogits.data());
  expectGradient(logits, dlogits, [&] {
    Vector out(24);
    return 0.5 * crossEntropyForward(8, logits.data(), targets, out.data());
  });
}

TEST(CrossEntropy, ofEqualLogitsIsTheLogOfTheVocabulary) {
  const Vector logits(256, 2.0F);
  Vector probabilities(256);
  EXPECT_NEAR(
      crossEntropyForward(256, logits.data(), std::vector<uint8_t>{65}, probabilities.data()),
      std::log(256.0), 1e-6);
}

TEST(Embedding, addsTokenAndPositionAndScattersGradients) {
  const EmbeddingShape shape{2, 3};
  Vector table = randomVector(4 * 3, 21);
  Vector positions = randomVector(2 * 3, 22);
  const std::vector<uint8_t> tokens{3, 1, 3, 3};  // two rows of two
  const Vector dy = randomVector(12, 23);
  const auto objective = [&] {
    Vector y(12);
    embeddingForward(shape, tokens, table.data(), positions.data(), y.data());
    return dot(y, dy);
  };
  Vector dtable(12);
  Vector dpositions(6);
  embeddingBackward(shape, tokens, dy.data(), dtable.data(), dpositions.data());
  expectGradient(table, dtable, objective);
  expectGradient(positions, dpositions, objective);
}

DropoutSite siteWith(float probability) {
  return {42, 3, 5, 7, probability};
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
