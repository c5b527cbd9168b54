// The standard operator table against published activation sizes: Korthikanti et al., "Reducing
// Activation Recomputation in Large Transformer Models" (arXiv 2205.05198), equations 1 to 6.
#include <gtest/gtest.h>

#include <cmath>

#include "tests/core/profile/layer_fixture.h"
#include "tests/support/csv.h"

namespace caracal::profile {
namespace {

using namespace fixture;

const std::set<std::string> kAttentionCore{"scores", "softmax", "attn_dropout"};

TEST(LayerBytes, addUpToThePublishedFiguresToTheLastPrintedDigit) {
  const auto rows = test::csvRows("activation_bytes.csv");
  ASSERT_EQ(rows.size(), 2u);
  for (const auto& row : rows) {
    SCOPED_TRACE(row[0]);
    ASSERT_EQ(row.size(), 10u);
    const Sizes22B sizes{std::stoll(row[1]), std::stoll(row[2]), std::stoll(row[3])};
    const LayerKind alone = layerOf(describe(sizes, 1));
    const LayerKind tensor = layerOf(describe(sizes, 8));
    const LayerKind sequence = layerOf(describe(sizes, 8, true));
    const auto text = [](int64_t bytes) {
      return fmt::format("{:.1f}", static_cast<double>(bytes) / 1e6);
    };
    EXPECT_EQ(text(savedBytes(alone)), row[4]);
    EXPECT_EQ(text(savedBytes(tensor)), row[5]);
    EXPECT_EQ(text(savedBytes(sequence)), row[6]);
    EXPECT_EQ(text(savedBytes(tensor, kAttentionCore)), row[7]);
    EXPECT_EQ(text(savedBytes(sequence, kAttentionCore)), row[8]);
    EXPECT_EQ(text(tensor.inputBytes), row[9]);
  }
}

TEST(LayerBytes, equalTheFormulasToTheByte) {
  const Sizes22B sizes;
  const int64_t A = sizes.A(), square = sizes.a * sizes.s * sizes.s * sizes.b;
  EXPECT_EQ(savedBytes(layerOf(describe(sizes, 1))), 34 * A + 5 * square);
  EXPECT_EQ(layerOf(describe(sizes, 1)).inputBytes, 2 * A);
  for (const int32_t t : {2, 4, 8, 16}) {
    SCOPED_TRACE(t);
    const LayerKind tensor = layerOf(describe(sizes, t));
    EXPECT_EQ(savedBytes(tensor), 10 * A + 24 * A / t + 5 * square / t);
    EXPECT_EQ(savedBytes(tensor, kAttentionCore), 10 * A + 24 * A / t);
    const LayerKind sequence = layerOf(describe(sizes, t, true));
    EXPECT_EQ(savedBytes(sequence), (34 * A + 5 * square) / t);
    EXPECT_EQ(savedBytes(sequence, kAttentionCore), 34 * A / t);
    EXPECT_EQ(sequence.inputBytes, 2 * A / t);
  }
}

TEST(LayerBytes, philoxMasksTakeNoMemory) {
  const Sizes22B sizes;
  ModelDescription model = describe(sizes, 8);
  model.dropoutMaskBytes = 0;
  const LayerKind kind = layerOf(model);
  const int64_t A = sizes.A(), scores = sizes.a * sizes.s * sizes.s * sizes.b;
  EXPECT_EQ(savedBytes(kind), 8 * A + 24 * A / 8 + 4 * scores / 8);
  const Operator& residual2 = kind.operators.back();
  EXPECT_EQ(residual2.id, "residual2");
  EXPECT_FALSE(residual2.needed());
  EXPECT_EQ(residual2.liveBytes(), 2 * A);
}

TEST(LayerBytes, collectivesAndWindowsExistOnlyWithTensorParallelism) {
  const LayerKind alone = layerOf(describe({}, 1));
  EXPECT_TRUE(alone.windows.empty());
  EXPECT_EQ(alone.indexOf("tp_attn"), -1);
  EXPECT_EQ(find(alone, "residual1").inputs.front(), "proj");
  EXPECT_EQ(alone.operators.back().inputs.front(), "fc2");

  const LayerKind tensor = layerOf(describe({}, 8));
  EXPECT_EQ(windowIdsOf(tensor),
            (std::vector<std::string>{"fwd.attn after tp_attn", "fwd.mlp after tp_mlp",
                                      "bwd.mlp after fc1", "bwd.attn after qkv"}));
  for (const Window& window : tensor.windows) EXPECT_EQ(window.bytes, tensor.inputBytes);
  EXPECT_EQ(tensor.operators.back().inputs.front(), "tp_mlp");
}

TEST(LayerBytes, fusedAttentionKeepsOnlyItsOutputAndOneNumberPerRow) {
  const Sizes22B sizes;
  ModelDescription model = describe(sizes, 8);
  model.fusedAttention = true;
  const LayerKind kind = layerOf(model);
  EXPECT_EQ(kind.indexOf("softmax"), -1);
  const Operator& attn = find(kind, "attn");
  const int64_t A = sizes.A(), logSumExp = 4 * (sizes.a / 8) * sizes.s * sizes.b;
  EXPECT_EQ(attn.savedBytes, 2 * A / 8 + logSumExp);
  EXPECT_EQ(attn.savedFor, (std::vector<std::string>{"attn", "proj"}));
  EXPECT_EQ(savedBytes(kind), 10 * A + 24 * A / 8 + logSumExp);
}

TEST(LayerBytes, sequenceParallelismGathersInOperatorsOfTheirOwn) {
  const Sizes22B sizes;
  const LayerKind kind = layerOf(describe(sizes, 8, true));
  EXPECT_EQ(idsOf(kind),
            (std::vector<std::string>{"ln1", "ag_attn", "qkv", "scores", "softmax", "attn_dropout",
                                      "context", "proj", "rs_attn", "residual1", "ln2", "ag_mlp",
                                      "fc1", "act", "fc2", "rs_mlp", "residual2"}));
  for (const char* id : {"ag_attn", "ag_mlp"}) {
    EXPECT_EQ(find(kind, id).kind, OperatorKind::kCollective);
    EXPECT_EQ(find(kind, id).outputBytes, 2 * sizes.A()) << id;
    EXPECT_FALSE(find(kind, id).needed()) << id << ": backward gathers again instead";
  }
  // What is rebuilt from ln2 on is rebuilt from the gathered tensor: the gather is repeated.
  EXPECT_EQ(find(kind, "fc1").inputs, (std::vector<std::string>{"ag_mlp"}));
  EXPECT_EQ(windowIdsOf(kind),
            (std::vector<std::string>{"fwd.ag.attn after ag_attn", "fwd.attn after rs_attn",
                                      "fwd.ag.mlp after ag_mlp", "fwd.mlp after rs_mlp",
                                      "bwd.ag.mlp after residual2", "bwd.regather.mlp after act",
                                      "bwd.mlp after fc1", "bwd.ag.attn after residual1",
                                      "bwd.regather.attn after scores", "bwd.attn after qkv"}));
}

}  // namespace
}  // namespace caracal::profile
