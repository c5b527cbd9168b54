#include "core/base/format.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>
#include <cstdlib>

namespace caracal {
namespace {

std::string threeDigits(double value, const char* unit) {
  const double size = std::abs(value);
  const int decimals = size >= 99.95 ? 0 : size >= 9.995 ? 1 : 2;
  return fmt::format("{:.{}f} {}", value, decimals, unit);
}

bool looksNumeric(const std::string& text) {
  if (text.empty()) return true;
  const unsigned char first = static_cast<unsigned char>(text.front());
  return std::isdigit(first) || ((first == '-' || first == '+') && text.size() > 1) || text == "-";
}

// Columns on screen: UTF-8 continuation bytes take none.
size_t displayWidth(const std::string& text) {
  return static_cast<size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

}  // namespace

std::string formatDuration(int64_t ns) {
  const double value = static_cast<double>(ns);
  const double size = std::abs(value);
  if (size < 1e3) return fmt::format("{} ns", ns);
  if (size < 1e6) return threeDigits(value / 1e3, "us");
  if (size < 1e9) return threeDigits(value / 1e6, "ms");
  return threeDigits(value / 1e9, "s");
}

std::string formatBytes(int64_t bytes) {
  static constexpr std::array kUnits{"KiB", "MiB", "GiB", "TiB", "PiB"};
  double value = static_cast<double>(bytes);
  if (std::abs(value) < 1024) return fmt::format("{} B", bytes);
  size_t unit = 0;
  value /= 1024;
  while (std::abs(value) >= 1024 && unit + 1 < kUnits.size()) {
    value /= 1024;
    ++unit;
  }
  return threeDigits(value, kUnits[unit]);
}

std::string formatPercent(double percent) {
  return fmt::format("{:.2f} %", percent);
}

int64_t parseBytes(const std::string& text) {
  char* rest = nullptr;
  const double value = std::strtod(text.c_str(), &rest);
  if (rest == text.c_str() || !(value >= 0)) return -1;
  std::string unit;
  for (; *rest; ++rest) {
    if (!std::isspace(static_cast<unsigned char>(*rest))) {
      unit += static_cast<char>(std::tolower(static_cast<unsigned char>(*rest)));
    }
  }
  struct Unit {
    const char* name;
    double factor;
  };
  static constexpr std::array<Unit, 13> kUnits{{{"", 1.0},
                                                {"b", 1.0},
                                                {"kb", 1e3},
                                                {"mb", 1e6},
                                                {"gb", 1e9},
                                                {"tb", 1e12},
                                                {"kib", 1024.0},
                                                {"mib", 1048576.0},
                                                {"gib", 1073741824.0},
                                                {"tib", 1099511627776.0},
                                                {"k", 1024.0},
                                                {"m", 1048576.0},
                                                {"g", 1073741824.0}}};
  for (const Unit& known : kUnits) {
    if (unit != known.name) continue;
    const double bytes = value * known.factor;
    return bytes < 9.2e18 ? static_cast<int64_t>(std::llround(bytes)) : -1;
  }
  return -1;
}

std::string TextTable::render() const {
  std::vector<size_t> widths(header.size());
  std::vector<bool> numeric(header.size(), true);
  for (size_t c = 0; c < header.size(); ++c) widths[c] = displayWidth(header[c]);
  for (const auto& row : rows) {
    for (size_t c = 0; c < header.size() && c < row.size(); ++c) {
      widths[c] = std::max(widths[c], displayWidth(row[c]));
      numeric[c] = numeric[c] && looksNumeric(row[c]);
    }
  }
  std::string text;
  const auto addRow = [&](const std::vector<std::string>& row) {
    std::string line;
    for (size_t c = 0; c < header.size(); ++c) {
      const std::string cell = c < row.size() ? row[c] : "";
      const std::string pad(widths[c] - std::min(widths[c], displayWidth(cell)), ' ');
      if (c) line += "  ";
      line += numeric[c] ? pad + cell : cell + pad;
    }
    while (!line.empty() && line.back() == ' ') line.pop_back();
    text += line + '\n';
  };
  addRow(header);
  std::vector<std::string> rule;
  for (size_t width : widths) rule.emplace_back(width, '-');
  addRow(rule);
  for (const auto& row : rows) addRow(row);
  return text;
}

}  // namespace caracal
