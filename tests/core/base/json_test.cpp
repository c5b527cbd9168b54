#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "core/base/json_reader.h"
#include "core/base/json_writer.h"

namespace caracal {
namespace {

// What reading one field of a document says.
template <class Read>
std::string errorOf(const std::string& text, Read read) {
  auto document = JsonDocument::parse(text);
  if (!document) return document.error().text();
  JsonNode root = document->root();
  read(root);
  root.finish();
  return document->error() ? document->error()->text() : "fine";
}

TEST(JsonReader, readsTypedFields) {
  auto document = *JsonDocument::parse(
      R"({"i": 4, "whole": 4.0, "d": 0.5, "b": true, "t": "x", "ts": ["a", "b"], "is": [1, 2], "o": {"i": -7}})");
  JsonNode root = document.root();
  EXPECT_EQ(root.integer("i"), 4);
  EXPECT_EQ(root.integer("whole"), 4);
  EXPECT_DOUBLE_EQ(root.number("d"), 0.5);
  EXPECT_TRUE(root.boolean("b"));
  EXPECT_EQ(root.text("t"), "x");
  EXPECT_EQ(root.texts("ts"), (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(root.integers("is", 0), (std::vector<int64_t>{1, 2}));
  EXPECT_EQ(root.object("o").integer("i"), -7);
  EXPECT_EQ(root.integerOr("absent", 9, 0), 9);
  root.finish();
  EXPECT_FALSE(document.error()) << document.error()->text();
}

TEST(JsonReader, namesThePathAndTheFirstThingThatIsWrong) {
  const auto integer = [](JsonNode& root) { root.integer("i", 0); };
  EXPECT_EQ(errorOf("{}", integer), "i: is missing");
  EXPECT_EQ(errorOf(R"({"i": "4"})", integer), "i: must be a whole number, not \"4\"");
  EXPECT_EQ(errorOf(R"({"i": 4.5})", integer), "i: must be a whole number, not 4.5");
  EXPECT_EQ(errorOf(R"({"i": 1e30})", integer), "i: must be a whole number, not 1e+30");
  EXPECT_EQ(errorOf(R"({"i": -1})", integer), "i: must be at least 0, not -1");
  EXPECT_EQ(errorOf(R"({"i": 9223372036854775808})", integer),
            "i: must be a whole number below 2^63, not 9223372036854775808");
  EXPECT_EQ(errorOf(R"({"i": null})", integer), "i: must be a whole number, not null");
  EXPECT_EQ(errorOf(R"({"i": 1, "j": 2})", integer),
            "j: is not a field of this document; check its spelling");
  EXPECT_EQ(errorOf(R"({"o": [{"a": 1}, {"a": true}]})",
                    [](JsonNode& root) {
                      for (JsonNode& node : root.objects("o")) node.integer("a");
                    }),
            "o[1].a: must be a whole number, not true");
  EXPECT_EQ(errorOf(R"({"o": 3})", [](JsonNode& root) { root.object("o").text("t"); }),
            "o: must be an object, not 3");
  EXPECT_EQ(errorOf(R"({"i": 4294967296})", [](JsonNode& root) { root.integer32("i"); }),
            "i: must be below 2^31, not 4294967296");
}

TEST(JsonReader, saysWhereTextStopsBeingJson) {
  EXPECT_EQ(JsonDocument::parse("{\n  \"a\": ]").error().where, "line 2, column 8");
  EXPECT_EQ(JsonDocument::parse("").error().text(),
            "line 1, column 1: this is not JSON, or it is cut off here");
  EXPECT_FALSE(JsonDocument::parse("{\"a\": 1e999}"));
  EXPECT_FALSE(JsonDocument::parse("{\"a\": \"\xff\"}"));
  EXPECT_FALSE(JsonDocument::parse("3"));
  EXPECT_FALSE(JsonDocument::parse(std::string(100000, '[')));
}

TEST(JsonWriter, keepsShortThingsOnOneLineAndTheirOrder) {
  const nlohmann::ordered_json document = {{"b", {1, 2, 3}}, {"a", {{"y", 1}, {"x", "text"}}}};
  EXPECT_EQ(prettyJson(document),
            "{\n  \"b\": [1, 2, 3],\n  \"a\": {\"y\": 1, \"x\": \"text\"}\n}\n");
  EXPECT_EQ(canonicalJson(document), R"({"a":{"x":"text","y":1},"b":[1,2,3]})");
  EXPECT_EQ(prettyJson(nlohmann::ordered_json::object()), "{}\n");
}

TEST(JsonWriter, breaksLongLists) {
  nlohmann::ordered_json document;
  for (int i = 0; i < 40; ++i) document["list"].push_back(1000000 + i);
  const std::string text = prettyJson(document);
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 40 + 4);
  EXPECT_EQ(nlohmann::ordered_json::parse(text), document);
}

}  // namespace
}  // namespace caracal
