// Each kernel against finite differences, and against what it is defined to be.
#include <gtest/gtest.h>

#include <cmath>

#include "runtime/kernels/attention.h"
#include "runtime/kernels/cross_entropy.h"
#include "runtime/kernels/embedding.h"
#include "runtime/kernels/gelu.h"
#include "runtime/kernels/gemm.h"
#include "runtime/kernels/layer_norm.h"
#include "tests/runtime/finite_differences.h"

namespace caracal::kernels {
namespace {

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

}  // namespace
}  // namespace caracal::kernels
