// Each kernel beside the CPU's of the same name (runtime/kernels), on sizes that are no multiples
// of blocks and warps.
#include <numeric>

#include "runtime/cuda/kernels/adamw.h"
#include "runtime/cuda/kernels/column_sum.h"
#include "runtime/cuda/kernels/cross_entropy.h"
#include "runtime/cuda/kernels/dropout.h"
#include "runtime/cuda/kernels/embedding.h"
#include "runtime/cuda/kernels/gelu.h"
#include "runtime/cuda/kernels/layer_norm.h"
#include "runtime/cuda/kernels/softmax.h"
#include "runtime/kernels/attention.h"
#include "runtime/kernels/cross_entropy.h"
#include "runtime/kernels/gelu.h"
#include "tests/runtime/cuda/kernel_test.h"

namespace caracal::cuda {
namespace {

constexpr RowShape kShape{71, 37};
constexpr int64_t kCount = kShape.rows * kShape.width;

class RowKernels : public KernelTest {};

TEST_P(RowKernels, columnSumsAddToWhatIsThere) {
  const Vector x = randomVector(kCount, 1);
  Vector scratch(columnSumScratch(kShape.width));
  Vector out(kShape.width, 2.0F);
  Vector expected(kShape.width);
  for (int64_t c = 0; c < kShape.width; ++c) {
    double sum = 2;
    for (int64_t r = 0; r < kShape.rows; ++r) sum += x[r * kShape.width + c];
    expected[c] = static_cast<float>(sum);
  }
  addColumnSums(m_queue, kShape, x.data(), scratch.data(), out.data());
  finish();
  expectNear(out, expected, kFp32Tolerance);
}

TEST_P(RowKernels, layerNormMatchesTheCpu) {
  const Vector x = randomVector(kCount, 2);
  const Vector gamma = randomVector(kShape.width, 3);
  const Vector beta = randomVector(kShape.width, 4);
  const Vector dy = randomVector(kCount, 5);
  Vector expectedY(kCount);
  kernels::layerNormForward(kShape, x.data(), gamma.data(), beta.data(), expectedY.data());
  Vector expectedDx = randomVector(kCount, 6);
  Vector dx = expectedDx;
  Vector expectedGamma(kShape.width, 1);
  Vector expectedBeta(kShape.width, 2);
  Vector dgamma = expectedGamma;
  Vector dbeta = expectedBeta;
  kernels::layerNormBackward(kShape, x.data(), gamma.data(), dy.data(), expectedDx.data(),
                             expectedGamma.data(), expectedBeta.data());

  Vector y(kCount);
  Vector scratch(layerNormScratch(kShape));
  layerNormForward(m_queue, kShape, x.data(), gamma.data(), beta.data(), y.data());
  layerNormBackward(m_queue, kShape, x.data(), gamma.data(), dy.data(), scratch.data(), dx.data(),
                    dgamma.data(), dbeta.data());
  finish();
  expectNear(y, expectedY, kFp32Tolerance);
  expectNear(dx, expectedDx, kFp32Tolerance);
  expectNear(dgamma, expectedGamma, kFp32Tolerance);
  expectNear(dbeta, expectedBeta, kFp32Tolerance);
}

TEST_P(RowKernels, layerNormInBf16DiffersByRoundingOnly) {
  const Bf16Vector x = rounded(randomVector(kCount, 7));
  const Bf16Vector dy = rounded(randomVector(kCount, 8));
  const Vector gamma = randomVector(kShape.width, 9);
  const Vector beta = randomVector(kShape.width, 10);
  Vector expectedY(kCount);
  Vector expectedDx(kCount);
  Vector expectedGamma(kShape.width);
  Vector expectedBeta(kShape.width);
  kernels::layerNormForward(kShape, widened(x).data(), gamma.data(), beta.data(), expectedY.data());
  kernels::layerNormBackward(kShape, widened(x).data(), gamma.data(), widened(dy).data(),
                             expectedDx.data(), expectedGamma.data(), expectedBeta.data());
  Bf16Vector y(kCount);
  Bf16Vector dx(kCount);
  Vector dgamma(kShape.width);
  Vector dbeta(kShape.width);
  Vector scratch(layerNormScratch(kShape));
  layerNormForward(m_queue, kShape, x.data(), gamma.data(), beta.data(), y.data());
  layerNormBackward(m_queue, kShape, x.data(), gamma.data(), dy.data(), scratch.data(), dx.data(),
                    dgamma.data(), dbeta.data());
  finish();
  expectNear(widened(y), expectedY, kBf16Tolerance);
  expectNear(widened(dx), expectedDx, kBf16Tolerance);
  // Gradients of weights are summed in fp32.
  expectNear(dgamma, expectedGamma, kFp32Tolerance);
  expectNear(dbeta, expectedBeta, kFp32Tolerance);
}

TEST_P(RowKernels, geluAddsTheBiasOfTheProductBefore) {
  const Vector x = randomVector(kCount, 11);
  const Vector bias = randomVector(kShape.width, 12);
  Vector biased = x;
  for (int64_t i = 0; i < kCount; ++i) biased[i] += bias[i % kShape.width];
  Vector expectedY(kCount);
  kernels::geluForward(kCount, biased.data(), expectedY.data());
  Vector expectedDx = randomVector(kCount, 13);
  Vector dx = expectedDx;
  kernels::geluBackward(kCount, biased.data(), expectedDx.data());
  Vector y(kCount);
  biasGeluForward(m_queue, kShape, x.data(), bias.data(), y.data());
  biasGeluBackward(m_queue, kShape, x.data(), bias.data(), dx.data());
  finish();
  expectNear(y, expectedY, kFp32Tolerance);
  expectNear(dx, expectedDx, kFp32Tolerance);

  const Bf16Vector narrow = rounded(x);
  Bf16Vector narrowY(kCount);
  biasGeluForward(m_queue, kShape, narrow.data(), bias.data(), narrowY.data());
  finish();
  expectNear(widened(narrowY), expectedY, 2 * kBf16Tolerance);
}

kernels::DropoutSite site(float probability) {
  return {0x123456789ULL, 3, 5, 7, probability};
}

TEST_P(RowKernels, dropoutHasTheBitsOfTheCpu) {
  const int64_t count = 4 * 333;
  const Vector x = randomVector(3 * count, 14);
  for (const float probability : {0.0F, 0.1F, 0.5F}) {
    Vector expected(3 * count);
    // Three blocks of a tensor of which this rank holds a slice.
    for (int64_t b = 0; b < 3; ++b) {
      kernels::dropout(site(probability), {400 + b * 4000, count}, x.data() + b * count,
                       expected.data() + b * count);
    }
    Vector y(3 * count);
    dropout(m_queue, site(probability), {{400, count}, 3, 4000}, x.data(), y.data());
    finish();
    EXPECT_EQ(y, expected) << probability;
  }
}

TEST_P(RowKernels, biasDropoutAddHasTheBitsOfTheCpu) {
  const int64_t width = 36;
  const int64_t count = 13 * width;
  const Vector x = randomVector(count, 15);
  const Vector bias = randomVector(width, 16);
  const Vector base = randomVector(count, 17);
  for (const float probability : {0.0F, 0.3F}) {
    Vector expected(count);
    kernels::biasDropoutAdd(site(probability), {8, count}, width, x.data(), bias.data(),
                            base.data(), expected.data());
    Vector y(count);
    biasDropoutAdd(m_queue, site(probability), {8, count}, width, x.data(), bias.data(),
                   base.data(), y.data());
    finish();
    EXPECT_EQ(y, expected) << probability;
  }
}

TEST_P(RowKernels, crossEntropyMatchesTheCpu) {
  const CrossEntropyShape shape{19, 301};
  const Vector logits = randomVector(shape.tokens * shape.vocabulary, 18);
  std::vector<uint8_t> targets(shape.tokens);
  std::iota(targets.begin(), targets.end(), uint8_t{237});
  Vector expected(logits.size());
  const double loss =
      kernels::crossEntropyForward(shape.vocabulary, logits.data(), targets, expected.data());
  Vector expectedGradient(logits.size());
  kernels::crossEntropyBackward(shape.vocabulary, expected.data(), targets, 0.25F,
                                expectedGradient.data());

  Vector rowLosses(shape.tokens);
  Vector probabilities(logits.size());
  Vector gradient(logits.size());
  double lossSum = 10;
  crossEntropyForward(m_queue, shape, logits.data(), targets.data(), rowLosses.data(),
                      probabilities.data(), &lossSum);
  crossEntropyBackward(m_queue, shape, probabilities.data(), targets.data(), 0.25F,
                       gradient.data());
  finish();
  EXPECT_NEAR(lossSum, 10 + loss, 1e-5);
  expectNear(probabilities, expected, kFp32Tolerance);
  expectNear(gradient, expectedGradient, kFp32Tolerance);
}

TEST_P(RowKernels, embeddingMatchesTheCpu) {
  const EmbeddingShape shape{7, 133, 11};  // a rank's rows, from inside the second sequence on
  const int64_t rows = 3 * shape.sequence + 2;
  const int64_t hidden = shape.hidden;
  std::vector<uint8_t> tokens(rows);
  for (int64_t t = 0; t < rows; ++t) tokens[t] = static_cast<uint8_t>(250 + t % 9);
  const Vector table = randomVector(256 * hidden, 19);
  const Vector positions = randomVector(shape.sequence * hidden, 20);
  const Vector dy = randomVector(rows * hidden, 21);
  Vector expected(rows * hidden);
  kernels::embeddingForward(shape, tokens, table.data(), positions.data(), expected.data());
  Vector expectedTable(table.size(), 1);
  Vector expectedPositions(positions.size(), 2);
  Vector dtable = expectedTable;
  Vector dpositions = expectedPositions;
  kernels::embeddingBackward(shape, tokens, dy.data(), expectedTable.data(),
                             expectedPositions.data());
  Vector y(rows * hidden);
  embeddingForward(m_queue, shape, rows, tokens.data(), table.data(), positions.data(), y.data());
  embeddingBackward(m_queue, shape, rows, tokens.data(), dy.data(), dtable.data(),
                    dpositions.data());
  finish();
  EXPECT_EQ(y, expected);
  EXPECT_EQ(dtable, expectedTable);  // token by token in order, as on the CPU
  EXPECT_EQ(dpositions, expectedPositions);
}

TEST_P(RowKernels, adamwMatchesTheCpuAndClearsTheGradient) {
  const int64_t count = 301;
  kernels::AdamwOptions options;
  Vector weight = randomVector(count, 22);
  Vector moment1 = randomVector(count, 23);
  Vector moment2(count, 0.5F);
  Vector gradient = randomVector(count, 24);
  Vector expectedWeight = weight;
  Vector expected1 = moment1;
  Vector expected2 = moment2;
  kernels::adamw(options, 3, count, gradient.data(), expectedWeight.data(), expected1.data(),
                 expected2.data());
  Bf16Vector copy(count);
  adamw(m_queue, options, 3, count,
        {gradient.data(), weight.data(), moment1.data(), moment2.data(), copy.data()});
  finish();
  EXPECT_EQ(weight, expectedWeight);
  EXPECT_EQ(moment1, expected1);
  EXPECT_EQ(moment2, expected2);
  EXPECT_EQ(gradient, Vector(count, 0.0F));
  EXPECT_EQ(widened(copy), widened(rounded(expectedWeight)));
}

TEST_P(RowKernels, softmaxMatchesTheCpu) {
  const AttentionShape shape{2, 43, 3, 8};
  const int64_t count = shape.batch * shape.heads * shape.sequence * shape.sequence;
  const Vector scores = randomVector(count, 25);
  Vector expected(count);
  kernels::causalSoftmaxForward(shape, scores.data(), expected.data());
  Vector expectedGradient = randomVector(count, 26);
  Vector gradient = expectedGradient;
  kernels::causalSoftmaxBackward(shape, expected.data(), expectedGradient.data());
  Vector probabilities(count);
  causalSoftmaxForward(m_queue, shape, scores.data(), probabilities.data());
  causalSoftmaxBackward(m_queue, shape, probabilities.data(), gradient.data());
  finish();
  expectNear(probabilities, expected, kFp32Tolerance);
  expectNear(gradient, expectedGradient, kFp32Tolerance);
}

CARACAL_UNDER_EACH_ORDER(RowKernels);

}  // namespace
}  // namespace caracal::cuda
