// Operator tables that users write: what they can say, and how they are refused.
#include "core/profile/layer_table.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <random>

#include "core/base/files.h"
#include "core/base/resources.h"
#include "core/profile/model_structure.h"

namespace caracal::profile {
namespace {

// A layer of two operators with one window.
constexpr const char* kTable = R"({
  "schema": "caracal.layer-table/1",
  "name": "two",
  "sizes": ["stream = e * s * b * h"],
  "input": "stream",
  "parts": {
    "all": {
      "operators": [
        {"id": "mix", "kind": "gemm", "inputs": ["input"], "output": "stream / t", "flops": "2 * s * b * h * h / t", "parameters": "h * h / t", "saved": [{"bytes": "stream / t", "for": ["out"]}]},
        {"id": "tp", "if": "t > 1", "kind": "collective", "inputs": ["mix"], "output": "stream", "forwardTransfers": [{"pattern": "allReduce", "bytes": "stream", "ranks": "t"}]},
        {"id": "out", "kind": "elementwise", "inputs": ["tp|mix"], "output": "stream"}
      ],
      "windows": [{"id": "fwd.attn", "if": "t > 1", "after": "tp"}]
    }
  },
  "kinds": [{"id": "two", "parts": ["all"]}],
  "first": {"operators": []},
  "last": {"operators": [{"id": "head", "kind": "gemm", "inputs": ["input"], "output": "e * v"}]}
})";

std::string replaced(const std::string& from, const std::string& to) {
  std::string text = kTable;
  const size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), to);
}

ModelDescription model() {
  ModelDescription model;
  model.shape.layers = 2;
  model.shape.hidden = 8;
  model.shape.heads = 2;
  model.shape.sequence = 4;
  model.shape.vocabulary = 16;
  model.parallel.tensor = 2;
  return model;
}

std::string errorOf(const std::string& text) {
  const auto table = layerTableFromJson(text);
  if (!table) return table.error().text();
  const auto structure = structureOf(model(), *table);
  return structure ? "accepted" : structure.error().text();
}

TEST(LayerTable, ofAUserIsALayerLikeAnyOther) {
  const auto table = layerTableFromJson(kTable);
  ASSERT_TRUE(table) << table.error().text();
  const auto structure = structureOf(model(), *table);
  ASSERT_TRUE(structure) << structure.error().text();
  const LayerStructure& layer = structure->kinds.front();
  EXPECT_EQ(layer.kind.inputBytes, 2 * 4 * 8);
  EXPECT_EQ(layer.kind.staticBytes, 18 * 8 * 8 / 2);
  ASSERT_EQ(layer.kind.operators.size(), 3u);
  EXPECT_EQ(layer.kind.operators[0].savedFor, (std::vector<std::string>{"out"}));
  EXPECT_EQ(layer.kind.operators[2].inputs, (std::vector<std::string>{"tp"}));
  EXPECT_EQ(layer.costs[0].forward.flops, 2 * 4 * 8 * 8 / 2);
  EXPECT_EQ(layer.costs[0].backward.flops, 4 * 4 * 8 * 8 / 2);
  ASSERT_EQ(layer.windows.size(), 1u);
  EXPECT_EQ(layer.windows[0].transfers, (std::vector<Transfer>{{Pattern::kAllReduce, 64, 2}}));
  EXPECT_EQ(structure->layers, (std::vector<uint32_t>{0, 0}));
}

TEST(LayerTable, aCollectiveThatIsNoWindowTakesItsOwnTime) {
  const std::string window = R"("windows": [{"id": "fwd.attn", "if": "t > 1", "after": "tp"}])";
  const auto bare = layerTableFromJson(replaced(window, R"("windows": [])"));
  ASSERT_TRUE(bare) << bare.error().text();
  LayerKind with = structureOf(model(), *layerTableFromJson(kTable))->kinds.front().kind;
  LayerKind without = structureOf(model(), *bare)->kinds.front().kind;
  for (LayerKind* kind : {&with, &without}) kind->operators[1].forwardNs = 700;
  with.windows.front().transferNs = 700;
  EXPECT_EQ(with.forwardNs(), 700);
  EXPECT_EQ(without.forwardNs(), 700);
}

TEST(LayerTable, whatCannotBeIsRefusedWithItsPlace) {
  EXPECT_EQ(
      errorOf(replaced("\"input\": \"stream\"", "\"input\": \"streams\"")),
      "input: \"streams\": there is no size \"streams\"; known are a, b, biases, cp, d, e, ep, "
      "experts, ffn, fused, gated, h, kv, layers, mask, moeEvery, rms, rotary, s, sp, stages, "
      "stream, t, tied, topk, ulysses, v");
  EXPECT_EQ(errorOf(replaced("stream / t\", \"flops", "stream / 3\", \"flops")),
            "all.mix.output: \"stream / 3\": 64 is no multiple of 3; choose sizes that divide, or "
            "write ceil(x, y) if a rounded-up share is meant");
  EXPECT_EQ(errorOf(replaced("h * h / t\", \"saved", "h * * h\", \"saved")),
            "parts.all.operators[0].parameters: \"h * * h\": column 5 should hold a number, a name "
            "or \"(\" instead of \"* h\"");
  EXPECT_EQ(errorOf(replaced("\"tp|mix\"", "\"later\"")),
            "all.out.inputs: none of \"later\" stands before it; name an earlier operator or "
            "\"input\"");
  EXPECT_EQ(errorOf(replaced("\"for\": [\"out\"]", "\"for\": [\"nobody\"]")),
            "mix.saved: none of \"nobody\" is an operator of this layer");
  EXPECT_EQ(errorOf(replaced("\"after\": \"tp\"", "\"after\": \"mix\"")),
            "all.fwd.attn.after: \"mix\" is no collective");
  EXPECT_EQ(errorOf(replaced("\"parts\": [\"all\"]", "\"parts\": [\"some\"]")),
            "kinds: kind \"two\" names part \"some\", which \"parts\" lacks");
  EXPECT_EQ(
      errorOf(replaced("\"kind\": \"gemm\", \"inputs\": [\"input\"], \"output\": \"stream",
                       "\"kind\": \"matmul\", \"inputs\": [\"input\"], \"output\": \"stream")),
      "parts.all.operators[0].kind: must be gemm, attention, elementwise, norm, collective or "
      "view");
  EXPECT_EQ(errorOf(replaced("allReduce", "gossip")),
            "parts.all.operators[1].forwardTransfers[0].pattern: must be allReduce, allGather, "
            "reduceScatter or allToAll");
  EXPECT_EQ(errorOf(replaced("\"stream = e", "\"e = e")),
            "sizes: \"e\" exists already; choose another name");
  EXPECT_EQ(errorOf(replaced("\"stream = e * s * b * h\"", "\"stream\"")),
            "sizes: \"stream\" should read \"name = expression\"");
  EXPECT_EQ(errorOf(replaced("\"id\": \"tp\"", "\"id\": \"mix\"")),
            "all.mix.id: there are two operators of this id");
  EXPECT_EQ(errorOf(replaced("\"id\": \"two\", \"parts\"",
                             "\"id\": \"two\", \"if\": \"layer > 0\", \"parts\"")),
            "no kind of layer holds for layer 0; let the last kind have no \"if\"");
  EXPECT_EQ(errorOf(replaced("\"output\": \"e * v\"", "\"output\": \"e - 3\"")),
            "last.head.output: \"e - 3\" is -1, which is not between 0 and 1000000000000000; check "
            "the sizes");
  EXPECT_EQ(errorOf(replaced("layer-table/1", "layer-table/2")),
            "schema: is \"caracal.layer-table/2\"; this version of Caracal reads "
            "\"caracal.layer-table/1\"");
}

// A shipped table with some bytes changed is a table or is refused, and nothing else happens.
TEST(LayerTable, damagedTablesAreRefusedInWords) {
  const auto shipped = readTextFile(*findResource("models/layers/transformer.json"));
  ASSERT_TRUE(shipped);
  int refused = 0;
  for (uint32_t seed = 0; seed < 400; ++seed) {
    std::mt19937 random(seed);
    std::string text = *shipped;
    for (uint32_t i = 0; i <= seed % 3; ++i)
      text[random() % text.size()] = "0123456789*/+-<>?:|&!(){}[]\",abxyz"[random() % 35];
    const auto table = layerTableFromJson(text);
    const auto structure = table ? structureOf(model(), *table) : tl::unexpected(table.error());
    if (structure) continue;
    ++refused;
    EXPECT_FALSE(structure.error().message.empty()) << "seed " << seed;
  }
  EXPECT_GT(refused, 100);
}

class TableFiles : public testing::Test {
 protected:
  void SetUp() override { std::filesystem::create_directories(m_folder); }
  void TearDown() override { std::filesystem::remove_all(m_folder); }
  std::string write(const std::string& name, const std::string& text) {
    EXPECT_TRUE(writeTextFile(m_folder + "/" + name, text));
    return m_folder + "/" + name;
  }
  std::string m_folder = testing::TempDir() + "caracal_tables";
};

constexpr const char* kSizesOfModel =
    R"("layers": 2, "hidden": 8, "heads": 2, "sequence": 4, "vocabulary": 16, "tp": 2, "gpu": "h200")";

TEST_F(TableFiles, aDescriptionNamesATableBesideIt) {
  write("two.json", kTable);
  const std::string path =
      write("model.json", fmt::format(R"({{{}, "table": "two.json"}})", kSizesOfModel));
  const auto loaded = loadModel(path);
  ASSERT_TRUE(loaded) << loaded.error().text();
  const auto profile = profileFromModel(*loaded, *loadHardware(loaded->gpu));
  ASSERT_TRUE(profile) << profile.error().text();
  EXPECT_EQ(profile->kinds.front().id, "two");
  EXPECT_GT(profile->kinds.front().windows.front().transferNs, 0);
}

TEST_F(TableFiles, aTableMayDescribeItsModelItself) {
  std::string text = kTable;
  text.insert(text.rfind('}'), fmt::format(", \"model\": {{{}}}", kSizesOfModel));
  const auto loaded = loadModel(write("both.json", text));
  ASSERT_TRUE(loaded) << loaded.error().text();
  const auto profile = profileFromModel(*loaded, *loadHardware(loaded->gpu));
  ASSERT_TRUE(profile) << profile.error().text();
  EXPECT_EQ(profile->kinds.front().id, "two");
}

TEST_F(TableFiles, aTableAloneIsNoModelAndSaysWhatToDo) {
  const std::string path = write("two.json", kTable);
  const auto loaded = loadModel(path);
  ASSERT_FALSE(loaded);
  EXPECT_EQ(
      loaded.error().text(),
      path +
          ": this operator table describes no model; give it a \"model\" with layers, hidden, "
          "..., or name it as \"table\" in a model description");
}

TEST_F(TableFiles, anUnknownTableNamesTheKnownOnes) {
  ModelDescription described = model();
  described.table = "nothing";
  const auto structure = structureOf(described);
  ASSERT_FALSE(structure);
  EXPECT_EQ(
      structure.error().message,
      "operator table \"nothing\" is neither a file nor one of the known tables: transformer");
}

}  // namespace
}  // namespace caracal::profile
