// Each kernel against its definition, written out in double precision as plainly as it can be, at
// sizes that fill vectors and leave remainders. kernels_test.cpp has the slopes and the properties.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

#include "runtime/kernels/adamw.h"
#include "runtime/kernels/attention.h"
#include "runtime/kernels/cross_entropy.h"
#include "runtime/kernels/embedding.h"
#include "runtime/kernels/gelu.h"
#include "runtime/kernels/gemm.h"
#include "runtime/kernels/layer_norm.h"

namespace caracal::kernels {
namespace {

using Floats = std::vector<float>;
using Doubles = std::vector<double>;

Floats randomFloats(int64_t count, uint32_t seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal(0, 1);
  Floats values(static_cast<size_t>(count));
  for (float& value : values) value = normal(random);
  return values;
}

// fp32 sums of `terms` products: their rounding grows like the root of their number, and is
// relative to the largest result, as small ones come from cancellation.
void expectClose(const Floats& actual, const Doubles& expected, double terms) {
  ASSERT_EQ(actual.size(), expected.size());
  double largest = 1e-30;
  for (const double value : expected) largest = std::max(largest, std::abs(value));
  const double tolerance = 4 * std::sqrt(terms) * 0x1p-23 * largest;
  double worst = 0;
  for (size_t i = 0; i < actual.size(); ++i)
    worst = std::max(worst, std::abs(actual[i] - expected[i]));
  EXPECT_LE(worst, tolerance) << "largest " << largest;
}

TEST(Reference, linear) {
  useOneBlasThread();
  constexpr int64_t kRows = 37, kIn = 53, kOut = 29;
  const LinearShape shape{kRows, kIn, kOut};
  const Floats x = randomFloats(kRows * kIn, 1), w = randomFloats(kOut * kIn, 2),
               bias = randomFloats(kOut, 3), dy = randomFloats(kRows * kOut, 4);
  Doubles y(kRows * kOut), dx(kRows * kIn), dw(kOut * kIn), dbias(kOut);
  for (int64_t r = 0; r < kRows; ++r) {
    for (int64_t o = 0; o < kOut; ++o) {
      const double g = dy[r * kOut + o];
      y[r * kOut + o] = bias[o];
      dbias[o] += g;
      for (int64_t i = 0; i < kIn; ++i) {
        y[r * kOut + o] += double{x[r * kIn + i]} * w[o * kIn + i];
        dx[r * kIn + i] += g * w[o * kIn + i];
        dw[o * kIn + i] += g * x[r * kIn + i];
      }
    }
  }
  Floats y32(y.size()), dx32(dx.size()), dw32(dw.size()), dbias32(dbias.size());
  linearForward(shape, x.data(), w.data(), bias.data(), y32.data());
  linearBackwardInput(shape, dy.data(), w.data(), dx32.data());
  linearBackwardWeight(shape, x.data(), dy.data(), dw32.data(), dbias32.data());
  expectClose(y32, y, kIn);
  expectClose(dx32, dx, kOut);
  expectClose(dw32, dw, kRows);
  expectClose(dbias32, dbias, kRows);
}

TEST(Reference, layerNorm) {
  constexpr int64_t kRows = 19, kWidth = 67;
  constexpr double kEpsilon = 1e-5;
  const RowShape shape{kRows, kWidth};
  const Floats x = randomFloats(kRows * kWidth, 5), gamma = randomFloats(kWidth, 6),
               beta = randomFloats(kWidth, 7), dy = randomFloats(kRows * kWidth, 8);
  Doubles y(kRows * kWidth), dx(kRows * kWidth), dgamma(kWidth), dbeta(kWidth);
  for (int64_t r = 0; r < kRows; ++r) {
    const float* row = &x[r * kWidth];
    double mean = 0, variance = 0, meanG = 0, meanGx = 0;
    for (int64_t i = 0; i < kWidth; ++i) mean += row[i] / double{kWidth};
    for (int64_t i = 0; i < kWidth; ++i) variance += std::pow(row[i] - mean, 2) / kWidth;
    const double inverse = 1 / std::sqrt(variance + kEpsilon);
    for (int64_t i = 0; i < kWidth; ++i) {
      const double normal = (row[i] - mean) * inverse, out = dy[r * kWidth + i];
      y[r * kWidth + i] = normal * gamma[i] + beta[i];
      dgamma[i] += out * normal;
      dbeta[i] += out;
      meanG += out * gamma[i] / kWidth;
      meanGx += out * gamma[i] * normal / kWidth;
    }
    for (int64_t i = 0; i < kWidth; ++i) {
      const double normal = (row[i] - mean) * inverse;
      dx[r * kWidth + i] = inverse * (dy[r * kWidth + i] * gamma[i] - meanG - normal * meanGx);
    }
  }
  Floats y32(y.size()), dx32(dx.size()), dgamma32(kWidth), dbeta32(kWidth);
  layerNormForward(shape, x.data(), gamma.data(), beta.data(), y32.data());
  layerNormBackward(shape, x.data(), gamma.data(), dy.data(), dx32.data(), dgamma32.data(),
                    dbeta32.data());
  expectClose(y32, y, kWidth);
  expectClose(dx32, dx, kWidth);
  expectClose(dgamma32, dgamma, kRows);
  expectClose(dbeta32, dbeta, kRows);
}

TEST(Reference, gelu) {
  constexpr int64_t kCount = 1001;
  const double c = std::sqrt(2 / M_PI);
  const Floats x = randomFloats(kCount, 9), dy = randomFloats(kCount, 10);
  Doubles y(kCount), dx(kCount);
  for (int64_t i = 0; i < kCount; ++i) {
    const double v = x[i], t = std::tanh(c * (v + 0.044715 * v * v * v));
    y[i] = v / 2 * (1 + t);
    dx[i] = dy[i] * ((1 + t) / 2 + v / 2 * (1 - t * t) * c * (1 + 3 * 0.044715 * v * v));
  }
  Floats y32(kCount), dx32 = dy;
  geluForward(kCount, x.data(), y32.data());
  geluBackward(kCount, x.data(), dx32.data());
  expectClose(y32, y, 1);
  expectClose(dx32, dx, 4);
}

// All four operators of unfused attention, forward and backward, from the formula of the whole.
TEST(Reference, attention) {
  constexpr int64_t kBatch = 2, kSequence = 13, kHeads = 3, kWidth = 8;
  constexpr int64_t kRow = 3 * kHeads * kWidth;
  const AttentionShape shape{kBatch, kSequence, kHeads, kWidth};
  const auto square = [&](int64_t b, int64_t h, int64_t i, int64_t j) {
    return ((b * kHeads + h) * kSequence + i) * kSequence + j;
  };
  const auto part = [&](int which, int64_t b, int64_t s, int64_t h, int64_t d) {
    return (b * kSequence + s) * kRow + (which * kHeads + h) * kWidth + d;
  };
  const auto out = [&](int64_t b, int64_t s, int64_t h, int64_t d) {
    return ((b * kSequence + s) * kHeads + h) * kWidth + d;
  };
  constexpr int64_t kSquares = kBatch * kHeads * kSequence * kSequence;
  const Floats qkv = randomFloats(kBatch * kSequence * kRow, 11),
               dcontext = randomFloats(kBatch * kSequence * kHeads * kWidth, 12);
  const double scale = 1 / std::sqrt(double{kWidth});
  Doubles scores(kSquares), p(kSquares), dp(kSquares), ds(kSquares), context(dcontext.size()),
      dqkv(qkv.size());
  for (int64_t b = 0; b < kBatch; ++b) {
    for (int64_t h = 0; h < kHeads; ++h) {
      for (int64_t i = 0; i < kSequence; ++i) {
        double sum = 0, weighted = 0;
        for (int64_t j = 0; j < kSequence; ++j) {
          double& score = scores[square(b, h, i, j)];
          for (int64_t d = 0; d < kWidth; ++d)
            score += scale * qkv[part(0, b, i, h, d)] * qkv[part(1, b, j, h, d)];
          if (j <= i) sum += std::exp(score);
        }
        for (int64_t j = 0; j < kSequence; ++j) {
          const double probability = j <= i ? std::exp(scores[square(b, h, i, j)]) / sum : 0;
          p[square(b, h, i, j)] = probability;
          for (int64_t d = 0; d < kWidth; ++d) {
            const double g = dcontext[out(b, i, h, d)], v = qkv[part(2, b, j, h, d)];
            context[out(b, i, h, d)] += probability * v;
            dqkv[part(2, b, j, h, d)] += probability * g;
            dp[square(b, h, i, j)] += g * v;
          }
          weighted += probability * dp[square(b, h, i, j)];
        }
        for (int64_t j = 0; j < kSequence; ++j) {
          const double g = p[square(b, h, i, j)] * (dp[square(b, h, i, j)] - weighted);
          ds[square(b, h, i, j)] = g;
          for (int64_t d = 0; d < kWidth; ++d) {
            dqkv[part(0, b, i, h, d)] += scale * g * qkv[part(1, b, j, h, d)];
            dqkv[part(1, b, j, h, d)] += scale * g * qkv[part(0, b, i, h, d)];
          }
        }
      }
    }
  }
  Floats scores32(kSquares), p32(kSquares), context32(context.size()), gradient32(kSquares),
      dqkv32(dqkv.size());
  scoresForward(shape, qkv.data(), scores32.data());
  expectClose(scores32, scores, kWidth);
  causalSoftmaxForward(shape, scores32.data(), p32.data());
  expectClose(p32, p, kSequence);
  contextForward(shape, p32.data(), qkv.data(), context32.data());
  expectClose(context32, context, kSequence);
  contextBackward(shape, p32.data(), qkv.data(), dcontext.data(), gradient32.data(), dqkv32.data());
  causalSoftmaxBackward(shape, p32.data(), gradient32.data());
  expectClose(gradient32, ds, kSequence + kWidth);
  scoresBackward(shape, qkv.data(), gradient32.data(), dqkv32.data());
  expectClose(dqkv32, dqkv, kSequence + kWidth);
}

TEST(Reference, crossEntropy) {
  constexpr int64_t kTokens = 21, kVocabulary = 259;
  const Floats logits = randomFloats(kTokens * kVocabulary, 13);
  std::vector<uint8_t> targets;
  for (int64_t t = 0; t < kTokens; ++t) targets.push_back(static_cast<uint8_t>(t * 12));
  Doubles p(logits.size()), dlogits(logits.size());
  double loss = 0;
  for (int64_t t = 0; t < kTokens; ++t) {
    double sum = 0;
    for (int64_t v = 0; v < kVocabulary; ++v) sum += std::exp(logits[t * kVocabulary + v]);
    for (int64_t v = 0; v < kVocabulary; ++v) {
      const int64_t at = t * kVocabulary + v;
      p[at] = std::exp(double{logits[at]}) / sum;
      dlogits[at] = 0.25 * (p[at] - (v == targets[t] ? 1 : 0)) / kTokens;
    }
    loss -= std::log(p[t * kVocabulary + targets[t]]) / kTokens;
  }
  Floats p32(p.size()), dlogits32(p.size());
  EXPECT_NEAR(crossEntropyForward(kVocabulary, logits.data(), targets, p32.data()), loss, 1e-6);
  crossEntropyBackward(kVocabulary, p32.data(), targets, 0.25F, dlogits32.data());
  expectClose(p32, p, kVocabulary);
  expectClose(dlogits32, dlogits, kVocabulary);
}

TEST(Reference, embedding) {
  constexpr int64_t kSequence = 7, kHidden = 19, kTokens = 3 * kSequence, kVocabulary = 5;
  const Floats table = randomFloats(kVocabulary * kHidden, 14),
               positions = randomFloats(kSequence * kHidden, 15),
               dy = randomFloats(kTokens * kHidden, 16);
  std::vector<uint8_t> tokens;
  for (int64_t t = 0; t < kTokens; ++t) tokens.push_back(static_cast<uint8_t>(t * t % kVocabulary));
  Doubles y(kTokens * kHidden), dtable(table.size()), dpositions(positions.size());
  for (int64_t t = 0; t < kTokens; ++t) {
    for (int64_t i = 0; i < kHidden; ++i) {
      const int64_t row = tokens[t] * kHidden + i, place = t % kSequence * kHidden + i;
      y[t * kHidden + i] = double{table[row]} + positions[place];
      dtable[row] += dy[t * kHidden + i];
      dpositions[place] += dy[t * kHidden + i];
    }
  }
  Floats y32(y.size()), dtable32(table.size()), dpositions32(positions.size());
  const EmbeddingShape shape{kSequence, kHidden};
  embeddingForward(shape, tokens, table.data(), positions.data(), y32.data());
  embeddingBackward(shape, tokens, dy.data(), dtable32.data(), dpositions32.data());
  expectClose(y32, y, 1);
  expectClose(dtable32, dtable, kTokens);
  expectClose(dpositions32, dpositions, kTokens);
}

TEST(Reference, adamwOverManyUpdates) {
  constexpr int64_t kCount = 33;
  constexpr int kUpdates = 40;
  AdamwOptions options;
  options.learningRate = 0.01F;
  Floats weight32 = randomFloats(kCount, 17), m32(kCount), v32(kCount);
  Doubles weight(weight32.begin(), weight32.end()), m(kCount), v(kCount);
  for (int update = 1; update <= kUpdates; ++update) {
    const Floats gradient = randomFloats(kCount, 100 + update);
    adamw(options, update, kCount, gradient.data(), weight32.data(), m32.data(), v32.data());
    const double rate =
        options.learningRate * std::min(1.0, double{1} * update / options.warmupUpdates);
    for (int64_t i = 0; i < kCount; ++i) {
      m[i] = options.beta1 * m[i] + (1 - double{options.beta1}) * gradient[i];
      v[i] = options.beta2 * v[i] + (1 - double{options.beta2}) * gradient[i] * gradient[i];
      const double mean = m[i] / (1 - std::pow(double{options.beta1}, update));
      const double square = v[i] / (1 - std::pow(double{options.beta2}, update));
      weight[i] -=
          rate * (mean / (std::sqrt(square) + options.epsilon) + options.weightDecay * weight[i]);
    }
  }
  expectClose(m32, m, kUpdates);
  expectClose(v32, v, kUpdates);
  expectClose(weight32, weight, kUpdates);
}

}  // namespace
}  // namespace caracal::kernels
