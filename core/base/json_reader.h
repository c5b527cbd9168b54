// Strict reading of JSON documents whose fields are known: every wrong, missing or unknown field is
// an error that names its path ("kinds[0].operators[3].forwardNs").
//
// The first error is remembered and later reads return harmless values, so that a document is read
// straight through and checked once:
//
//   CARACAL_TRY(document, JsonDocument::parse(text));
//   JsonNode root = document.root();
//   root.schema("caracal.profile/1");
//   profile.name = root.text("name");
//   root.finish();                       // refuses fields that nobody read
//   if (auto error = document.error()) return tl::unexpected(*error);
#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"

namespace caracal {

// One object of a document. Valid as long as its JsonDocument; copies share what was read.
class JsonNode {
 public:
  JsonNode(const nlohmann::json* object, std::string path, std::optional<Error>* error);

  bool has(std::string_view key) const;
  std::vector<std::string> keys() const;
  const std::string& path() const { return m_path; }

  // Required fields. Numbers below `least` are errors; whole numbers may be written as 4 or 4.0.
  int64_t integer(std::string_view key, int64_t least = std::numeric_limits<int64_t>::min());
  int32_t integer32(std::string_view key, int32_t least = std::numeric_limits<int32_t>::min());
  double number(std::string_view key, double least = std::numeric_limits<double>::lowest());
  bool boolean(std::string_view key);
  std::string text(std::string_view key);
  std::vector<std::string> texts(std::string_view key);
  std::vector<int64_t> integers(std::string_view key, int64_t least);
  JsonNode object(std::string_view key);
  std::vector<JsonNode> objects(std::string_view key);
  std::vector<std::vector<std::string>> textLists(std::string_view key);

  // The same where a field may be absent.
  int64_t integerOr(std::string_view key, int64_t fallback, int64_t least);
  int32_t integer32Or(std::string_view key, int32_t fallback, int32_t least);
  double numberOr(std::string_view key, double fallback, double least);
  bool booleanOr(std::string_view key, bool fallback);
  std::string textOr(std::string_view key, std::string fallback);

  // False once anything in the whole document was wrong.
  bool ok() const { return !*m_error; }

  // The field "schema" must be exactly this; another version is refused by name (kUnsupported).
  void schema(std::string_view expected);
  // Counts a field as read without looking at it.
  void skip(std::string_view key);
  // Refuses fields that were not asked for.
  void finish();
  // Remembers an error at a field of this object (or at the object itself: key empty).
  void fail(std::string_view key, std::string message, ErrorCode code = ErrorCode::kInvalidInput);

 private:
  const nlohmann::json* find(std::string_view key);     // nullptr: absent
  const nlohmann::json* require(std::string_view key);  // nullptr: absent, and that is an error
  std::string pathOf(std::string_view key) const;
  void wrongType(std::string_view key, std::string_view expected, const nlohmann::json& found);
  int64_t toInteger(std::string_view key, const nlohmann::json& value, int64_t least);
  std::string toText(std::string_view key, const nlohmann::json& value);

  const nlohmann::json* m_object;  // never null; an empty object after an error
  std::string m_path;
  std::optional<Error>* m_error;
  std::shared_ptr<std::vector<std::string>> m_read;
};

class JsonDocument {
 public:
  // Fails with the line and column when the text is not JSON, and when it is not an object.
  static Result<JsonDocument> parse(std::string_view text);
  JsonNode root();
  // The first error of any node, if there was one.
  const std::optional<Error>& error() const { return *m_error; }

 private:
  explicit JsonDocument(std::shared_ptr<const nlohmann::json> value);
  std::shared_ptr<const nlohmann::json> m_value;
  std::shared_ptr<std::optional<Error>> m_error;
};

}  // namespace caracal
