#include "core/base/json_reader.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

namespace caracal {
namespace {

using nlohmann::json;

constexpr double kExactDoubleIntegers = 9007199254740992.0;  // 2^53

const json& emptyObject() {
  static const json object = json::object();
  return object;
}

// A value as the message shows it: short, one line, valid UTF-8 whatever the input was.
std::string shown(const json& value) {
  std::string text = value.dump(-1, ' ', true, json::error_handler_t::replace);
  constexpr size_t kShownBytes = 60;
  if (text.size() > kShownBytes) text = text.substr(0, kShownBytes) + "...";
  return text;
}

std::string placeOfByte(std::string_view text, size_t byte) {
  const std::string_view before = text.substr(0, std::min(byte > 0 ? byte - 1 : 0, text.size()));
  const auto line = std::count(before.begin(), before.end(), '\n') + 1;
  const size_t lineStart =
      before.rfind('\n') == std::string_view::npos ? 0 : before.rfind('\n') + 1;
  return fmt::format("line {}, column {}", line, before.size() - lineStart + 1);
}

}  // namespace

JsonNode::JsonNode(const json* object, std::string path, std::optional<Error>* error)
    : m_object(object),
      m_path(std::move(path)),
      m_error(error),
      m_read(std::make_shared<std::vector<std::string>>()) {}

bool JsonNode::has(std::string_view key) const {
  return m_object->contains(key);
}

std::vector<std::string> JsonNode::keys() const {
  std::vector<std::string> result;
  for (const auto& [key, value] : m_object->items()) result.push_back(key);
  return result;
}

std::string JsonNode::pathOf(std::string_view key) const {
  if (key.empty()) return m_path;
  return m_path.empty() ? std::string(key) : m_path + "." + std::string(key);
}

void JsonNode::fail(std::string_view key, std::string message, ErrorCode code) {
  if (!*m_error) *m_error = Error{code, std::move(message), pathOf(key)};
}

void JsonNode::wrongType(std::string_view key, std::string_view expected, const json& found) {
  fail(key, fmt::format("must be {}, not {}", expected, shown(found)));
}

const json* JsonNode::find(std::string_view key) {
  m_read->emplace_back(key);
  const auto found = m_object->find(key);
  return found == m_object->end() ? nullptr : &*found;
}

const json* JsonNode::require(std::string_view key) {
  const json* value = find(key);
  if (value == nullptr) fail(key, "is missing");
  return value;
}

int64_t JsonNode::toInteger(std::string_view key, const json& value, int64_t least) {
  int64_t result = 0;
  if (value.is_number_unsigned() && value.get<uint64_t>() > static_cast<uint64_t>(INT64_MAX)) {
    wrongType(key, "a whole number below 2^63", value);
    return least > 0 ? least : 0;
  }
  if (value.is_number_integer()) {
    result = value.get<int64_t>();
  } else if (value.is_number_float() && std::trunc(value.get<double>()) == value.get<double>() &&
             std::abs(value.get<double>()) <= kExactDoubleIntegers) {
    result = static_cast<int64_t>(value.get<double>());
  } else {
    wrongType(key, "a whole number", value);
    return least > 0 ? least : 0;
  }
  if (result < least) {
    fail(key, fmt::format("must be at least {}, not {}", least, result));
    return least;
  }
  return result;
}

std::string JsonNode::toText(std::string_view key, const json& value) {
  if (value.is_string()) return value.get<std::string>();
  wrongType(key, "a text", value);
  return {};
}

int64_t JsonNode::integer(std::string_view key, int64_t least) {
  const json* value = require(key);
  return value == nullptr ? std::max<int64_t>(least, 0) : toInteger(key, *value, least);
}

int32_t JsonNode::integer32(std::string_view key, int32_t least) {
  const int64_t value = integer(key, least);
  if (value <= std::numeric_limits<int32_t>::max()) return static_cast<int32_t>(value);
  fail(key, fmt::format("must be below 2^31, not {}", value));
  return std::max(least, 0);
}

double JsonNode::number(std::string_view key, double least) {
  const json* value = require(key);
  if (value == nullptr) return 0;
  if (!value->is_number()) {
    wrongType(key, "a number", *value);
    return 0;
  }
  const double result = value->get<double>();
  if (result < least) fail(key, fmt::format("must be at least {}, not {}", least, result));
  return result;
}

bool JsonNode::boolean(std::string_view key) {
  const json* value = require(key);
  if (value == nullptr) return false;
  if (value->is_boolean()) return value->get<bool>();
  wrongType(key, "true or false", *value);
  return false;
}

std::string JsonNode::text(std::string_view key) {
  const json* value = require(key);
  return value == nullptr ? std::string() : toText(key, *value);
}

std::vector<std::string> JsonNode::texts(std::string_view key) {
  std::vector<std::string> result;
  const json* value = require(key);
  if (value == nullptr) return result;
  if (!value->is_array()) {
    wrongType(key, "a list of texts", *value);
    return result;
  }
  for (size_t i = 0; i < value->size(); ++i) {
    result.push_back(toText(fmt::format("{}[{}]", key, i), (*value)[i]));
  }
  return result;
}

std::vector<int64_t> JsonNode::integers(std::string_view key, int64_t least) {
  std::vector<int64_t> result;
  const json* value = require(key);
  if (value == nullptr) return result;
  if (!value->is_array()) {
    wrongType(key, "a list of whole numbers", *value);
    return result;
  }
  for (size_t i = 0; i < value->size(); ++i) {
    result.push_back(toInteger(fmt::format("{}[{}]", key, i), (*value)[i], least));
  }
  return result;
}

JsonNode JsonNode::object(std::string_view key) {
  const json* value = require(key);
  if (value != nullptr && !value->is_object()) {
    wrongType(key, "an object", *value);
    value = nullptr;
  }
  return JsonNode(value == nullptr ? &emptyObject() : value, pathOf(key), m_error);
}

std::vector<JsonNode> JsonNode::objects(std::string_view key) {
  std::vector<JsonNode> result;
  const json* value = require(key);
  if (value == nullptr) return result;
  if (!value->is_array()) {
    wrongType(key, "a list of objects", *value);
    return result;
  }
  for (size_t i = 0; i < value->size(); ++i) {
    const std::string element = fmt::format("{}[{}]", key, i);
    if (!(*value)[i].is_object()) wrongType(element, "an object", (*value)[i]);
    result.emplace_back((*value)[i].is_object() ? &(*value)[i] : &emptyObject(), pathOf(element),
                        m_error);
  }
  return result;
}

std::vector<std::vector<std::string>> JsonNode::textLists(std::string_view key) {
  std::vector<std::vector<std::string>> result;
  const json* value = require(key);
  if (value == nullptr) return result;
  if (!value->is_array()) {
    wrongType(key, "a list of lists of texts", *value);
    return result;
  }
  for (size_t i = 0; i < value->size(); ++i) {
    const std::string element = fmt::format("{}[{}]", key, i);
    result.emplace_back();
    if (!(*value)[i].is_array()) {
      wrongType(element, "a list of texts", (*value)[i]);
      continue;
    }
    for (const json& item : (*value)[i]) result.back().push_back(toText(element, item));
  }
  return result;
}

int64_t JsonNode::integerOr(std::string_view key, int64_t fallback, int64_t least) {
  return has(key) ? integer(key, least) : fallback;
}

int32_t JsonNode::integer32Or(std::string_view key, int32_t fallback, int32_t least) {
  return has(key) ? integer32(key, least) : fallback;
}

double JsonNode::numberOr(std::string_view key, double fallback, double least) {
  return has(key) ? number(key, least) : fallback;
}

bool JsonNode::booleanOr(std::string_view key, bool fallback) {
  return has(key) ? boolean(key) : fallback;
}

std::string JsonNode::textOr(std::string_view key, std::string fallback) {
  return has(key) ? text(key) : std::move(fallback);
}

void JsonNode::schema(std::string_view expected) {
  const json* value = find("schema");
  if (value == nullptr) {
    fail("schema",
         fmt::format("is missing; a document of this kind says \"schema\": \"{}\"", expected));
  } else if (!value->is_string() || value->get<std::string>() != expected) {
    fail("schema",
         fmt::format("is {}; this version of Caracal reads \"{}\"", shown(*value), expected),
         ErrorCode::kUnsupported);
  }
}

void JsonNode::skip(std::string_view key) {
  m_read->emplace_back(key);
}

void JsonNode::finish() {
  for (const auto& [key, value] : m_object->items()) {
    if (std::find(m_read->begin(), m_read->end(), key) == m_read->end()) {
      fail(key, "is not a field of this document; check its spelling");
    }
  }
}

JsonDocument::JsonDocument(std::shared_ptr<const json> value)
    : m_value(std::move(value)), m_error(std::make_shared<std::optional<Error>>()) {}

Result<JsonDocument> JsonDocument::parse(std::string_view text) {
  try {
    auto value = std::make_shared<const json>(json::parse(text));
    if (!value->is_object())
      return caracal::fail(ErrorCode::kInvalidInput, "the document must be a JSON object");
    return JsonDocument(std::move(value));
  } catch (const json::parse_error& error) {
    return tl::unexpected(Error{ErrorCode::kInvalidInput, "this is not JSON, or it is cut off here",
                                placeOfByte(text, error.byte)});
  } catch (const json::exception& error) {
    return caracal::fail(ErrorCode::kInvalidInput, "this JSON cannot be represented: {}",
                         error.what());
  }
}

JsonNode JsonDocument::root() {
  return JsonNode(m_value.get(), {}, m_error.get());
}

}  // namespace caracal
