// The standard operator table against published activation sizes: Korthikanti et al., "Reducing
// Activation Recomputation in Large Transformer Models" (arXiv 2205.05198), equations 1 to 6, and
// what later designs add.
#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "core/profile/model_structure.h"
#include "tests/support/csv.h"

namespace caracal::profile {
namespace {

const std::set<std::string> kAttentionCore{"scores", "softmax", "attn_dropout"};

struct Sizes22B {
  int64_t a = 64, h = 6144, b = 4, s = 2048;
  int64_t A() const { return s * b * h; }
};

ModelDescription describe(const Sizes22B& sizes, int32_t tensor, bool sequenceParallel = false) {
  ModelDescription model;
  model.shape.layers = 1;
  model.shape.hidden = sizes.h;
  model.shape.heads = sizes.a;
  model.shape.sequence = sizes.s;
  model.shape.vocabulary = 51200;
  model.shape.microBatchSize = sizes.b;
  model.shape.dropout = 0.1;
  model.dropoutMaskBytes = 1;
  model.parallel.tensor = tensor;
  model.parallel.sequenceParallel = sequenceParallel;
  return model;
}

ModelStructure made(const ModelDescription& model) {
  EXPECT_TRUE(validate(model)) << validate(model).error().text();
  auto structure = structureOf(model);
  EXPECT_TRUE(structure) << structure.error().text();
  return structure ? *structure : ModelStructure{};
}

LayerKind layerOf(const ModelDescription& model) {
  return made(model).kinds.front().kind;
}

const Operator& find(const LayerKind& kind, const std::string& id) {
  const int index = kind.indexOf(id);
  EXPECT_GE(index, 0) << id;
  return kind.operators[static_cast<size_t>(std::max(index, 0))];
}

const Window& findWindow(const LayerKind& kind, const std::string& id) {
  const Window* window = kind.window(id);
  EXPECT_NE(window, nullptr) << id;
  return window != nullptr ? *window : kind.windows.front();
}

int64_t savedBytes(const LayerKind& kind, const std::set<std::string>& recomputed = {}) {
  int64_t total = kind.inputBytes;
  for (const Operator& op : kind.operators) total += recomputed.contains(op.id) ? 0 : op.savedBytes;
  return total;
}

std::vector<std::string> idsOf(const LayerKind& kind) {
  std::vector<std::string> ids;
  for (const Operator& op : kind.operators) ids.push_back(op.id);
  return ids;
}

std::vector<std::string> windowIdsOf(const LayerKind& kind) {
  std::vector<std::string> ids;
  for (const Window& window : kind.windows) ids.push_back(window.id + " after " + window.after);
  return ids;
}

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

TEST(LayerBytes, groupedQueriesShrinkKeysAndValuesAlone) {
  const Sizes22B sizes;
  ModelDescription model = describe(sizes, 8);
  model.fusedAttention = true;
  const LayerKind every = layerOf(model);
  model.architecture.kvHeads = 8;
  const LayerKind grouped = layerOf(model);
  const int64_t A = sizes.A();
  EXPECT_EQ(find(every, "qkv").outputBytes, 3 * 2 * A / 8);
  EXPECT_EQ(find(grouped, "qkv").outputBytes, (2 * A + 2 * (2 * A * 8 / 64)) / 8);
  EXPECT_EQ(savedBytes(every) - savedBytes(grouped),
            find(every, "qkv").savedBytes - find(grouped, "qkv").savedBytes);
}

TEST(LayerBytes, aGatedMlpKeepsBothHalvesForTheActivation) {
  const Sizes22B sizes;
  ModelDescription model = describe(sizes, 8);
  model.architecture.gatedMlp = true;
  const LayerKind kind = layerOf(model);
  const int64_t wide = 2 * sizes.s * sizes.b * 4 * sizes.h / 8;
  EXPECT_EQ(find(kind, "gate").savedBytes, wide);
  EXPECT_EQ(find(kind, "fc1").savedBytes, wide);
  EXPECT_EQ(find(kind, "act").inputs, (std::vector<std::string>{"fc1", "gate"}));
  EXPECT_EQ(find(kind, "ln2").savedFor, (std::vector<std::string>{"gate", "fc1"}));
  EXPECT_EQ(findWindow(kind, "bwd.mlp").after, "gate");
}

TEST(LayerBytes, contextRanksShareTheSequenceAndGatherKeysAndValues) {
  const Sizes22B sizes;
  ModelDescription model = describe(sizes, 1);
  model.fusedAttention = true;
  model.architecture.kvHeads = 8;
  const LayerKind whole = layerOf(model);
  model.parallel.context = 4;
  const LayerKind shared = layerOf(model);
  EXPECT_EQ(savedBytes(shared), savedBytes(whole) / 4);
  const Operator& gathered = find(shared, "cp_kv");
  EXPECT_EQ(gathered.outputBytes, 2 * sizes.s * sizes.b * 2 * 8 * (sizes.h / sizes.a));
  EXPECT_FALSE(gathered.needed());
  EXPECT_EQ(find(shared, "attn").inputs, (std::vector<std::string>{"qkv", "cp_kv"}));
  EXPECT_EQ(windowIdsOf(shared),
            (std::vector<std::string>{"fwd.attn after cp_kv", "bwd.cp after proj",
                                      "bwd.attn after attn"}));
}

// 4 N h / P elements a layer (arXiv 2309.14509, section 3.2): three of them before attention.
TEST(LayerBytes, ulyssesExchangesHeadsForTokens) {
  const Sizes22B sizes;
  ModelDescription model = describe(sizes, 1);
  for (const bool fused : {false, true}) {
    model.fusedAttention = fused;
    model.parallel.context = 1;
    const LayerKind whole = layerOf(model);
    model.parallel.context = 4;
    model.ulysses = true;
    const LayerKind shared = layerOf(model);
    const int64_t share = 2 * sizes.A() / 4;  // bytes of a rank's tokens
    EXPECT_EQ(find(shared, "a2a_qkv").outputBytes, 3 * share);
    EXPECT_EQ(find(shared, "a2a_context").outputBytes, share);
    EXPECT_EQ(findWindow(shared, "fwd.attn").after, "a2a_qkv");
    EXPECT_EQ(findWindow(shared, "fwd.mlp").after, "a2a_context");
    EXPECT_EQ(findWindow(shared, "bwd.mlp").after, "proj");
    EXPECT_EQ(findWindow(shared, "bwd.attn").after, fused ? "attn" : "scores");
    EXPECT_EQ(shared.indexOf("cp_kv"), -1);
    EXPECT_EQ(find(shared, "proj").inputs, (std::vector<std::string>{"a2a_context"}));
    // What attention puts out is kept for its own backward and, exchanged, for the projection's.
    EXPECT_EQ(savedBytes(shared), savedBytes(whole) / 4 + (fused ? share : 0));
    EXPECT_EQ(shared.operators.back().outputBytes, whole.operators.back().outputBytes / 4);
  }
}

ModelDescription withExperts(int32_t expertParallel) {
  ModelDescription model = describe({}, 1);
  model.shape.layers = 4;
  model.fusedAttention = true;
  model.parallel.data = 8;
  model.architecture.experts = 8;
  model.architecture.topK = 2;
  model.architecture.expertParallel = expertParallel;
  return model;
}

TEST(LayerBytes, expertsSendEachTokenToItsExpertsAndBack) {
  const Sizes22B sizes;
  const LayerKind kind = layerOf(withExperts(8));
  EXPECT_EQ(kind.id, "moe");
  const int64_t routed = 2 * 2 * sizes.A();  // two experts a token, two bytes an element
  for (const char* id : {"dispatch", "combine"}) {
    EXPECT_EQ(find(kind, id).kind, OperatorKind::kCollective);
    EXPECT_EQ(find(kind, id).outputBytes, routed) << id;
  }
  EXPECT_EQ(find(kind, "dispatch").savedFor, (std::vector<std::string>{"fc1"}));
  EXPECT_EQ(find(kind, "act").savedBytes, 4 * routed);
  EXPECT_EQ(find(kind, "router").savedBytes, 4 * sizes.s * sizes.b * 8);
  EXPECT_EQ(windowIdsOf(kind),
            (std::vector<std::string>{"fwd.attn after dispatch", "fwd.mlp after combine",
                                      "bwd.combine after unpermute", "bwd.mlp after fc1"}));
  for (const Window& window : kind.windows) EXPECT_EQ(window.bytes, routed) << window.id;
}

TEST(LayerBytes, expertsOnOneRankSendNothingAndKeepTheSame) {
  const LayerKind apart = layerOf(withExperts(8));
  const LayerKind together = layerOf(withExperts(1));
  EXPECT_TRUE(together.windows.empty());
  EXPECT_EQ(together.indexOf("dispatch"), -1);
  EXPECT_EQ(find(together, "permute").savedBytes, find(apart, "dispatch").savedBytes);
  EXPECT_EQ(find(together, "fc2").savedBytes, find(apart, "combine").savedBytes);
  EXPECT_EQ(savedBytes(together), savedBytes(apart));
}

TEST(LayerBytes, everySoManiethLayerHasExperts) {
  ModelDescription model = withExperts(8);
  model.architecture.moeEvery = 2;
  const ModelStructure structure = made(model);
  ASSERT_EQ(structure.kinds.size(), 2u);
  EXPECT_EQ(structure.kinds[0].kind.id, "gpt");
  EXPECT_EQ(structure.kinds[1].kind.id, "moe");
  EXPECT_EQ(structure.layers, (std::vector<uint32_t>{0, 1, 0, 1}));
}

TEST(LayerBytes, modelEndsKeepWhatTheirBackwardReads) {
  const Sizes22B sizes;
  ModelDescription model = describe(sizes, 8);
  const ModelStructure structure = made(model);
  const int64_t A = sizes.A(), logits = sizes.s * sizes.b * (51200 / 8);
  // Korthikanti et al., section 4.3: 4sbh (1 + v/(ht)) bytes for the last norm, the head and the
  // loss, of which 2sbh, the norm's input, is the output that the last layer holds anyway.
  EXPECT_EQ(
      structure.last.end.savedBytes() + structure.kinds.front().kind.operators.back().outputBytes,
      4 * A + 4 * logits);
  EXPECT_EQ(structure.first.end.savedBytes(), A);

  // With sequence parallelism all of it but the logits is shared, and those are anyway.
  const ModelStructure shared = made(describe(sizes, 8, true));
  EXPECT_EQ(shared.last.end.savedBytes() + shared.kinds.front().kind.operators.back().outputBytes,
            4 * A / 8 + 4 * logits);
  EXPECT_EQ(shared.first.end.savedBytes(), A / 8);
}

}  // namespace
}  // namespace caracal::profile
