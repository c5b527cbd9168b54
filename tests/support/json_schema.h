// A structural check of a document against one of our JSON Schemas (2020-12), for tests: the
// keywords that our schemas use, and an exception for any other, so that a misspelt keyword cannot
// pass silently.
#pragma once

#include <nlohmann/json.hpp>
#include <regex>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

namespace caracal::test {

class JsonSchema {
 public:
  explicit JsonSchema(const std::string& text) : m_root(nlohmann::json::parse(text)) {}

  // Where the document breaks the schema and how; empty: it conforms.
  std::vector<std::string> violations(const std::string& document) const {
    std::vector<std::string> found;
    check(nlohmann::json::parse(document), m_root, "$", found);
    return found;
  }

 private:
  using Json = nlohmann::json;
  using Violations = std::vector<std::string>;

  const Json& resolve(const Json& schema) const {
    if (!schema.contains("$ref")) return schema;
    return m_root.at(Json::json_pointer(schema.at("$ref").get<std::string>().substr(1)));
  }

  static void checkKeywords(const Json& schema) {
    static const std::set<std::string> known{"$schema",   "$id",
                                             "$defs",     "$ref",
                                             "title",     "description",
                                             "type",      "properties",
                                             "required",  "additionalProperties",
                                             "items",     "minItems",
                                             "minLength", "enum",
                                             "const",     "minimum",
                                             "maximum",   "exclusiveMaximum",
                                             "pattern"};
    for (const auto& [key, value] : schema.items()) {
      if (!known.contains(key))
        throw std::logic_error("the schema uses an unknown keyword: " + key);
    }
  }

  static bool hasType(const Json& value, const std::string& type) {
    if (type == "object") return value.is_object();
    if (type == "array") return value.is_array();
    if (type == "string") return value.is_string();
    if (type == "boolean") return value.is_boolean();
    if (type == "integer") return value.is_number_integer();
    if (type == "number") return value.is_number();
    throw std::logic_error("the schema uses an unknown type: " + type);
  }

  void check(const Json& value, const Json& unresolved, const std::string& path,
             Violations& found) const {
    const Json& schema = resolve(unresolved);
    checkKeywords(schema);
    if (schema.contains("type") && !hasType(value, schema["type"])) {
      found.push_back(path + ": is no " + schema["type"].get<std::string>());
      return;
    }
    checkScalar(value, schema, path, found);
    if (value.is_object()) checkObject(value, schema, path, found);
    if (value.is_array()) checkArray(value, schema, path, found);
  }

  static void checkScalar(const Json& value, const Json& schema, const std::string& path,
                          Violations& found) {
    const auto require = [&](bool holds, const char* keyword) {
      if (!holds) found.push_back(path + ": breaks " + keyword + " with " + value.dump());
    };
    if (schema.contains("const")) require(value == schema["const"], "const");
    if (schema.contains("enum")) {
      const Json& choices = schema["enum"];
      require(std::find(choices.begin(), choices.end(), value) != choices.end(), "enum");
    }
    if (schema.contains("minimum")) require(value >= schema["minimum"], "minimum");
    if (schema.contains("maximum")) require(value <= schema["maximum"], "maximum");
    if (schema.contains("exclusiveMaximum"))
      require(value < schema["exclusiveMaximum"], "exclusiveMaximum");
    if (!value.is_string()) return;
    const auto text = value.get<std::string>();
    if (schema.contains("minLength"))
      require(text.size() >= schema["minLength"].get<size_t>(), "minLength");
    if (schema.contains("pattern")) {
      require(std::regex_search(text, std::regex(schema["pattern"].get<std::string>())), "pattern");
    }
  }

  void checkObject(const Json& value, const Json& schema, const std::string& path,
                   Violations& found) const {
    for (const Json& key : schema.value("required", Json::array())) {
      if (!value.contains(key.get<std::string>()))
        found.push_back(path + ": misses " + key.get<std::string>());
    }
    const Json properties = schema.value("properties", Json::object());
    const Json others = schema.value("additionalProperties", Json(true));
    for (const auto& [key, member] : value.items()) {
      const std::string place = path + "." + key;
      if (properties.contains(key)) {
        check(member, properties[key], place, found);
      } else if (others.is_object()) {
        check(member, others, place, found);
      } else if (!others.get<bool>()) {
        found.push_back(place + ": is not a field");
      }
    }
  }

  void checkArray(const Json& value, const Json& schema, const std::string& path,
                  Violations& found) const {
    if (schema.contains("minItems") && value.size() < schema["minItems"].get<size_t>()) {
      found.push_back(path + ": is too short");
    }
    if (!schema.contains("items")) return;
    for (size_t i = 0; i < value.size(); ++i) {
      check(value[i], schema["items"], path + "[" + std::to_string(i) + "]", found);
    }
  }

  Json m_root;
};

}  // namespace caracal::test
