#include "core/base/json_writer.h"

#include <nlohmann/json.hpp>

namespace caracal {
namespace {

using nlohmann::ordered_json;

constexpr size_t kColumns = 100;
constexpr int kIndent = 2;

std::string scalar(const ordered_json& value) {
  return value.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

// Joins members as they stand: "a": 1, "b": 2.
std::string onOneLine(const ordered_json& value) {
  if (!value.is_structured()) return scalar(value);
  std::string text;
  for (const auto& [key, member] : value.items()) {
    if (!text.empty()) text += ", ";
    if (value.is_object()) text += scalar(key) + ": ";
    text += onOneLine(member);
  }
  return value.is_object() ? "{" + text + "}" : "[" + text + "]";
}

void print(const ordered_json& value, size_t column, int depth, std::string& out) {
  std::string line = onOneLine(value);
  const bool root = depth == 0;
  if (!value.is_structured() || value.empty() || (!root && column + line.size() <= kColumns)) {
    out += line;
    return;
  }
  const std::string indent(static_cast<size_t>((depth + 1) * kIndent), ' ');
  out += value.is_object() ? "{" : "[";
  bool first = true;
  for (const auto& [key, member] : value.items()) {
    out += first ? "\n" : ",\n";
    first = false;
    const std::string label = value.is_object() ? scalar(key) + ": " : "";
    out += indent + label;
    print(member, indent.size() + label.size(), depth + 1, out);
  }
  out += "\n" + std::string(static_cast<size_t>(depth * kIndent), ' ') +
         (value.is_object() ? "}" : "]");
}

}  // namespace

std::string prettyJson(const ordered_json& value) {
  std::string out;
  print(value, 0, 0, out);
  return out + "\n";
}

std::string canonicalJson(const ordered_json& value) {
  return nlohmann::json(value).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace caracal
