#include "core/analysis/data_table.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

namespace caracal::analysis {
namespace {

std::string quoted(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string field = "\"";
  for (const char c : text) {
    if (c == '"') field += '"';
    field += c;
  }
  return field + '"';
}

std::string csvField(const Cell& cell) {
  if (const auto* number = std::get_if<int64_t>(&cell)) return std::to_string(*number);
  if (const auto* real = std::get_if<double>(&cell)) return fmt::format("{}", *real);
  if (const auto* text = std::get_if<std::string>(&cell)) return quoted(*text);
  return {};
}

nlohmann::ordered_json jsonValue(const Cell& cell) {
  if (const auto* number = std::get_if<int64_t>(&cell)) return *number;
  if (const auto* real = std::get_if<double>(&cell)) return *real;
  if (const auto* text = std::get_if<std::string>(&cell)) return *text;
  return nullptr;
}

constexpr size_t kWidestName = 72;

// Names of kernels hold whole template argument lists: their head and tail tell them apart.
std::string shortened(std::string name) {
  if (name.size() <= kWidestName) return name;
  const size_t tail = kWidestName / 3;
  const std::string_view dots = "...";
  size_t headEnd = kWidestName - tail - dots.size();
  size_t tailBegin = name.size() - tail;
  const auto inCharacter = [&](size_t at) {
    return (static_cast<uint8_t>(name[at]) & 0xC0) == 0x80;
  };
  while (headEnd > 0 && inCharacter(headEnd)) --headEnd;
  while (tailBegin < name.size() && inCharacter(tailBegin)) ++tailBegin;
  return name.substr(0, headEnd).append(dots).append(name, tailBegin);
}

}  // namespace

Cell percentOf(int64_t part, int64_t whole) {
  if (whole <= 0) return {};
  return 100.0 * static_cast<double>(part) / static_cast<double>(whole);
}

std::string toText(const DataTable& table, size_t row, size_t column) {
  const Cell& cell = table.rows[row][column];
  const Unit unit = table.columns[column].unit;
  if (const auto* number = std::get_if<int64_t>(&cell)) {
    if (unit == Unit::kTime)
      return fmt::format("{:.3f} ms", static_cast<double>(*number - table.originNs) * 1e-6);
    if (unit == Unit::kNs) return formatDuration(*number);
    if (unit == Unit::kBytes) return formatBytes(*number);
    return std::to_string(*number);
  }
  if (const auto* real = std::get_if<double>(&cell)) {
    if (unit == Unit::kNs) return formatDuration(static_cast<int64_t>(*real));
    if (unit == Unit::kPercent) return formatPercent(*real);
    if (unit == Unit::kGigabytesPerSecond) return fmt::format("{:.2f} GB/s", *real);
    return fmt::format("{:.4g}", *real);
  }
  if (const auto* text = std::get_if<std::string>(&cell)) return *text;
  return {};
}

std::string heading(const Column& column) {
  static const std::string kSuffixes[] = {"", "Ns", "Bytes", "Pct", "GBps", "Ns"};
  const std::string& suffix = kSuffixes[static_cast<size_t>(column.unit)];
  if (suffix.empty() || column.key.size() <= suffix.size() || !column.key.ends_with(suffix))
    return column.key;
  return column.key.substr(0, column.key.size() - suffix.size());
}

std::string toCsv(const DataTable& table) {
  std::string text;
  for (size_t c = 0; c < table.columns.size(); ++c)
    text += (c > 0 ? "," : "") + quoted(table.columns[c].key);
  text += "\r\n";
  for (const auto& row : table.rows) {
    for (size_t c = 0; c < row.size(); ++c) text += (c > 0 ? "," : "") + csvField(row[c]);
    text += "\r\n";
  }
  return text;
}

nlohmann::ordered_json toJson(const DataTable& table) {
  nlohmann::ordered_json document{{"name", table.name},
                                  {"columns", nlohmann::ordered_json::array()},
                                  {"rows", nlohmann::ordered_json::array()},
                                  {"notes", table.notes}};
  for (const Column& column : table.columns) document["columns"].push_back(column.key);
  for (const auto& row : table.rows) {
    nlohmann::ordered_json entry = nlohmann::ordered_json::object();
    for (size_t c = 0; c < row.size(); ++c) entry[table.columns[c].key] = jsonValue(row[c]);
    document["rows"].push_back(std::move(entry));
  }
  return document;
}

TextTable toText(const DataTable& table) {
  TextTable text;
  for (const Column& column : table.columns) text.header.push_back(heading(column));
  for (size_t row = 0; row < table.rows.size(); ++row) {
    std::vector<std::string>& cells = text.rows.emplace_back();
    for (size_t c = 0; c < table.columns.size(); ++c) {
      const bool isName = table.columns[c].key == "name" || table.columns[c].key == "kernel";
      cells.push_back(isName ? shortened(toText(table, row, c)) : toText(table, row, c));
    }
  }
  return text;
}

}  // namespace caracal::analysis
