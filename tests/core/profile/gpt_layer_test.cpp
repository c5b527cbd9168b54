// The operator table against the published activation sizes of Korthikanti et al., "Reducing
// Activation Recomputation in Large Transformer Models" (arXiv 2205.05198), equations 1, 2, 4
// and 6.
#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "core/profile/model_description.h"

namespace caracal::profile {
namespace {

struct PublishedModel {
  const char* name;
  int64_t heads, hidden, batch;
  // Bytes per layer in units of 10^6, rounded to one digit: no parallelism, tensor parallel over 8
  // ranks, the same with selective recomputation, and with full recomputation.
  double none, tensor, tensorSelective, full;
};
constexpr PublishedModel kPublished[] = {
    {"22B", 64, 6144, 4, 7080.0, 1325.4, 654.3, 100.7},
    {"175B", 96, 12288, 1, 2868.9, 578.8, 327.2, 50.3},
};

ModelDescription describe(const PublishedModel& published, int32_t tensor) {
  ModelDescription model;
  model.shape.layers = 1;
  model.shape.hidden = published.hidden;
  model.shape.heads = published.heads;
  model.shape.sequence = 2048;
  model.shape.vocabulary = 51200;
  model.shape.microBatchSize = published.batch;
  model.shape.dropout = 0.1;
  model.dropoutMaskBytes = 1;
  model.parallel.tensor = tensor;
  return model;
}

int64_t savedBytes(const LayerKind& kind, const std::set<std::string>& recomputed = {}) {
  int64_t total = kind.inputBytes;
  for (const Operator& op : kind.operators) total += recomputed.contains(op.id) ? 0 : op.savedBytes;
  return total;
}

double megabytes(int64_t bytes) {
  return std::round(static_cast<double>(bytes) / 1e5) / 10;
}

TEST(GptLayer, savedBytesAddUpToThePublishedTables) {
  for (const PublishedModel& published : kPublished) {
    SCOPED_TRACE(published.name);
    const LayerKind alone = gptLayer(describe(published, 1));
    const LayerKind tensor = gptLayer(describe(published, 8));
    EXPECT_DOUBLE_EQ(megabytes(savedBytes(alone)), published.none);
    EXPECT_DOUBLE_EQ(megabytes(savedBytes(tensor)), published.tensor);
    EXPECT_DOUBLE_EQ(megabytes(savedBytes(tensor, {"scores", "softmax", "attn_dropout"})),
                     published.tensorSelective);
    EXPECT_DOUBLE_EQ(megabytes(tensor.inputBytes), published.full);
  }
}

TEST(GptLayer, savedBytesEqualTheFormulaToTheByte) {
  // A (34 + 5as/h) without parallelism, A (10 + 24/t + 5as/(ht)) over t ranks, A = sbh.
  for (const PublishedModel& published : kPublished) {
    const int64_t a = published.heads, h = published.hidden, s = 2048, b = published.batch, t = 8;
    EXPECT_EQ(savedBytes(gptLayer(describe(published, 1))), 34 * s * b * h + 5 * a * s * s * b);
    EXPECT_EQ(savedBytes(gptLayer(describe(published, 8))),
              10 * s * b * h + 24 * s * b * h / t + 5 * a * s * s * b / t);
  }
}

TEST(GptLayer, philoxMasksTakeNoMemory) {
  ModelDescription model = describe(kPublished[0], 8);
  model.dropoutMaskBytes = 0;
  const LayerKind kind = gptLayer(model);
  const int64_t A = 2048 * 4 * 6144, scores = int64_t{64} * 2048 * 2048 * 4;
  EXPECT_EQ(savedBytes(kind), 8 * A + 24 * A / 8 + 4 * scores / 8);
  const Operator& residual2 = kind.operators.back();
  EXPECT_EQ(residual2.id, "residual2");
  EXPECT_FALSE(residual2.needed());
  EXPECT_EQ(residual2.liveBytes(), 2 * A);
}

TEST(GptLayer, collectivesAndWindowsExistOnlyWithTensorParallelism) {
  const LayerKind alone = gptLayer(describe(kPublished[0], 1));
  EXPECT_TRUE(alone.windows.empty());
  EXPECT_EQ(alone.indexOf("tp_attn"), -1);
  EXPECT_EQ(alone.operators[static_cast<size_t>(alone.indexOf("residual1"))].inputs.front(),
            "proj");
  EXPECT_EQ(alone.operators.back().inputs.front(), "fc2");

  const LayerKind tensor = gptLayer(describe(kPublished[0], 8));
  ASSERT_EQ(tensor.windows.size(), 4u);
  for (const Window& window : tensor.windows) {
    EXPECT_EQ(window.bytes, tensor.inputBytes) << window.id;
    EXPECT_GE(tensor.indexOf(window.after), 0) << window.id;
  }
  EXPECT_EQ(tensor.operators.back().inputs.front(), "tp_mlp");
}

TEST(GptLayer, fusedAttentionKeepsOnlyItsOutputAndOneNumberPerRow) {
  ModelDescription model = describe(kPublished[0], 8);
  model.fusedAttention = true;
  const LayerKind kind = gptLayer(model);
  EXPECT_EQ(kind.indexOf("softmax"), -1);
  const Operator& attn = kind.operators[static_cast<size_t>(kind.indexOf("attn"))];
  const int64_t A = 2048 * 4 * 6144;
  EXPECT_EQ(attn.savedBytes, 2 * A / 8 + 4 * int64_t{64 / 8} * 2048 * 4);
  EXPECT_EQ(attn.savedFor, (std::vector<std::string>{"attn", "proj"}));
}

TEST(GptLayer, staticBytesCountTwelveHSquaredAndThirteenH) {
  ModelDescription model = describe(kPublished[0], 1);
  const int64_t h = 6144;
  EXPECT_EQ(gptLayer(model).staticBytes, 18 * (12 * h * h + 13 * h));
  model.parallel.tensor = 8;
  EXPECT_EQ(gptLayer(model).staticBytes, 18 * ((12 * h * h + 7 * h) / 8 + 6 * h));
}

TEST(GptLayer, modelEndsKeepWhatTheirBackwardReads) {
  ModelDescription model = describe(kPublished[0], 8);
  model.parallel.pipeline = 1;
  const int64_t A = 2048 * 4 * 6144, logits = 2048 * 4 * (51200 / 8);
  // Korthikanti et al., section 4.3: 4sbh (1 + v/(ht)) bytes for the last norm, the head and the
  // loss, of which 2sbh, the norm's input, is the output that the last layer holds anyway.
  EXPECT_EQ(gptLast(model).savedBytes() + gptLayer(model).operators.back().outputBytes,
            4 * A + 4 * logits);
  EXPECT_EQ(gptFirst(model).savedBytes(), A);
  EXPECT_EQ(gptLast(model).staticBytes, 18 * 2 * 6144);
  model.parallel.pipeline = 2;
  model.shape.layers = 2;
  EXPECT_EQ(gptLast(model).staticBytes, 18 * (2 * 6144 + 51200 / 8 * 6144));
}

}  // namespace
}  // namespace caracal::profile
