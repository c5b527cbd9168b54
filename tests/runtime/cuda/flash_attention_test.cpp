// Flash attention beside attention written down in double precision, matrix by matrix.
#include "runtime/cuda/kernels/flash_attention.h"

#include "tests/runtime/cuda/kernel_test.h"

namespace caracal::cuda {
namespace {

using Doubles = std::vector<double>;

// Everything attention and its backward make, for one shape.
struct Reference {
  AttentionShape shape;
  Doubles qkv, dcontext;  // given
  Doubles factors;        // of dropout, (batch, heads, sequence, sequence)
  Doubles context, logSums, dqkv;

  size_t at(int64_t b, int64_t i, int64_t part, int64_t h, int64_t x) const {
    return static_cast<size_t>(
        (((b * shape.sequence + i) * 3 + part) * shape.heads + h) * shape.headWidth + x);
  }
  size_t contextAt(int64_t b, int64_t i, int64_t h, int64_t x) const {
    return static_cast<size_t>(((b * shape.sequence + i) * shape.heads + h) * shape.headWidth + x);
  }
  double dot(int64_t b, int64_t h, int64_t i, int64_t partI, int64_t j, int64_t partJ) const {
    double sum = 0;
    for (int64_t x = 0; x < shape.headWidth; ++x)
      sum += qkv[at(b, i, partI, h, x)] * qkv[at(b, j, partJ, h, x)];
    return sum;
  }

  void compute() {
    context.assign(dcontext.size(), 0);
    dqkv.assign(qkv.size(), 0);
    for (int64_t b = 0; b < shape.batch; ++b) {
      for (int64_t h = 0; h < shape.heads; ++h) {
        for (int64_t i = 0; i < shape.sequence; ++i) computeRow(b, h, i);
      }
    }
  }

  void computeRow(int64_t b, int64_t h, int64_t i) {
    const double scale = 1 / std::sqrt(static_cast<double>(shape.headWidth));
    Doubles p;
    double total = 0;
    for (int64_t j = 0; j <= i; ++j) p.push_back(std::exp(scale * dot(b, h, i, 0, j, 1)));
    for (const double value : p) total += value;
    logSums.push_back(std::log(total));
    const double* row =
        factors.data() + ((b * shape.heads + h) * shape.sequence + i) * shape.sequence;
    Doubles dp(p.size());
    double sumOfProducts = 0;
    for (int64_t j = 0; j <= i; ++j) {
      p[j] /= total;
      for (int64_t x = 0; x < shape.headWidth; ++x) {
        const double dc = dcontext[contextAt(b, i, h, x)];
        context[contextAt(b, i, h, x)] += p[j] * row[j] * qkv[at(b, j, 2, h, x)];
        dqkv[at(b, j, 2, h, x)] += p[j] * row[j] * dc;
        dp[j] += row[j] * dc * qkv[at(b, j, 2, h, x)];
      }
      sumOfProducts += p[j] * dp[j];
    }
    for (int64_t j = 0; j <= i; ++j) {
      const double ds = p[j] * (dp[j] - sumOfProducts) * scale;
      for (int64_t x = 0; x < shape.headWidth; ++x) {
        dqkv[at(b, i, 0, h, x)] += ds * qkv[at(b, j, 1, h, x)];
        dqkv[at(b, j, 1, h, x)] += ds * qkv[at(b, i, 0, h, x)];
      }
    }
  }
};

struct Given {
  Vector qkv, dcontext;
};

Doubles widenedFurther(const Vector& values) {
  return Doubles(values.begin(), values.end());
}

Vector narrowed(const Doubles& values) {
  return Vector(values.begin(), values.end());
}

AttentionDropout dropoutOf(float probability) {
  return {{99, 1, 2, 3, probability}, 2, 8};  // heads 2 and up of 8
}

// The factors of each element, by the CPU's dropout of ones.
Doubles factorsOf(AttentionShape shape, const AttentionDropout& dropout) {
  const int64_t square = shape.sequence * shape.sequence;
  const int64_t count = shape.heads * square;
  const int64_t padded = (count + 3) / 4 * 4;
  Doubles factors;
  for (int64_t b = 0; b < shape.batch; ++b) {
    const int64_t first = (b * dropout.headsOfModel + dropout.firstHead) * square;
    const int64_t skipped = first % 4;
    Vector ones(padded + 4, 1.0F);
    kernels::dropout(dropout.site, {first - skipped, padded + 4}, ones.data(), ones.data());
    factors.insert(factors.end(), ones.begin() + skipped, ones.begin() + skipped + count);
  }
  return factors;
}

Reference referenceOf(AttentionShape shape, const AttentionDropout& dropout, const Given& given) {
  Reference reference;
  reference.shape = shape;
  reference.qkv = widenedFurther(given.qkv);
  reference.dcontext = widenedFurther(given.dcontext);
  reference.factors = factorsOf(shape, dropout);
  reference.compute();
  return reference;
}

Given givenFor(AttentionShape shape) {
  const int64_t count = shape.batch * shape.sequence * shape.heads * shape.headWidth;
  return {randomVector(3 * count, 1), randomVector(count, 2)};
}

class FlashAttention : public KernelTest {
 protected:
  void expectMatch(AttentionShape shape, float probability) {
    const AttentionDropout dropout = dropoutOf(probability);
    const Given given = givenFor(shape);
    const Reference reference = referenceOf(shape, dropout, given);
    Vector context(given.dcontext.size());
    Vector logSums(reference.logSums.size());
    Vector deltas(logSums.size());
    Vector dqkv(given.qkv.size());
    flashForward(m_queue, shape, dropout, given.qkv.data(), context.data(), logSums.data());
    flashBackward(m_queue, shape, dropout, given.qkv.data(), context.data(), logSums.data(),
                  given.dcontext.data(), deltas.data(), dqkv.data());
    finish();
    expectNear(context, narrowed(reference.context), kFp32Tolerance);
    expectNear(logSums, narrowed(reference.logSums), kFp32Tolerance);
    expectNear(dqkv, narrowed(reference.dqkv), 2 * kFp32Tolerance);
  }

  void expectMatchInBf16(AttentionShape shape, float probability, float factor = 1) {
    SCOPED_TRACE(testing::Message() << "sequence " << shape.sequence << ", width "
                                    << shape.headWidth << ", dropout " << probability);
    const AttentionDropout dropout = dropoutOf(probability);
    Given given = givenFor(shape);
    for (float& value : given.qkv) value *= factor;
    const Bf16Vector qkv = rounded(given.qkv);
    const Bf16Vector dcontext = rounded(given.dcontext);
    given = {widened(qkv), widened(dcontext)};
    const Reference reference = referenceOf(shape, dropout, given);
    Bf16Vector context(dcontext.size());
    Vector logSums(reference.logSums.size());
    Vector deltas(logSums.size());
    Bf16Vector dqkv(qkv.size());
    flashForward(m_queue, shape, dropout, qkv.data(), context.data(), logSums.data());
    flashBackward(m_queue, shape, dropout, qkv.data(), context.data(), logSums.data(),
                  dcontext.data(), deltas.data(), dqkv.data());
    finish();
    expectNear(widened(context), narrowed(reference.context), kBf16Tolerance);
    expectNear(logSums, narrowed(reference.logSums), kBf16Tolerance / 16);
    expectNear(widened(dqkv), narrowed(reference.dqkv), 2 * kBf16Tolerance * factor);
  }
};

TEST_P(FlashAttention, matchesDoublePrecisionOnOddSizes) {
  expectMatch({2, 37, 3, 20}, 0);  // neither rows, nor keys, nor columns fill their tiles
}

TEST_P(FlashAttention, matchesOnFullTilesAndTheWidestHead) {
  expectMatch({1, 64, 1, 128}, 0);
}

TEST_P(FlashAttention, matchesOnASequenceOfOne) {
  expectMatch({3, 1, 2, 4}, 0);
}

TEST_P(FlashAttention, dropsWhatTheCpuDrops) {
  expectMatch({2, 37, 3, 20}, 0.3F);
}

TEST_P(FlashAttention, largeScoresDoNotOverflow) {
  const AttentionShape shape{1, 40, 1, 8};
  Given given = givenFor(shape);
  for (float& value : given.qkv) value *= 12;
  const Reference reference = referenceOf(shape, dropoutOf(0), given);
  Vector context(given.dcontext.size());
  Vector logSums(40);
  flashForward(m_queue, shape, dropoutOf(0), given.qkv.data(), context.data(), logSums.data());
  finish();
  expectNear(context, narrowed(reference.context), 1e-4F);
}

// Widths that tensor cores take and others; sizes that fill no tile and several.
TEST_P(FlashAttention, inBf16DiffersByRoundingOnly) {
  for (const AttentionShape shape :
       {AttentionShape{1, 37, 2, 20}, AttentionShape{2, 37, 3, 24}, AttentionShape{1, 70, 1, 64},
        AttentionShape{1, 130, 1, 16}, AttentionShape{1, 66, 1, 128}, AttentionShape{2, 1, 2, 8}}) {
    for (const float probability : {0.0F, 0.1F}) expectMatchInBf16(shape, probability);
  }
}

TEST_P(FlashAttention, largeScoresDoNotOverflowOnTensorCores) {
  expectMatchInBf16({1, 40, 1, 8}, 0, 12);
}

CARACAL_UNDER_EACH_ORDER(FlashAttention);

}  // namespace
}  // namespace caracal::cuda
