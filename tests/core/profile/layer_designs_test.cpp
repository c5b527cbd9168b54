// What designs after the first GPTs add to the standard operator table: grouped queries, gated
// MLPs, context parallelism, experts.
#include <gtest/gtest.h>

#include "tests/core/profile/layer_fixture.h"

namespace caracal::profile {
namespace {

using namespace fixture;

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
