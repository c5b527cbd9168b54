// Rows of a table in tests/data: comma-separated cells, lines that begin with # say where they come
// from.
#pragma once

#include <fstream>
#include <sstream>
#include <string>
#include <vector>

namespace caracal::test {

inline std::vector<std::vector<std::string>> csvRows(const std::string& name) {
  std::vector<std::vector<std::string>> rows;
  std::ifstream file(std::string(CARACAL_SOURCE_DIR "/tests/data/") + name);
  for (std::string line; std::getline(file, line);) {
    if (line.empty() || line[0] == '#') continue;
    std::stringstream cells(line);
    rows.emplace_back();
    for (std::string cell; std::getline(cells, cell, ',');) rows.back().push_back(cell);
  }
  return rows;
}

// The same of a table that holds numbers only.
inline std::vector<std::vector<double>> csvNumbers(const std::string& name) {
  std::vector<std::vector<double>> rows;
  for (const std::vector<std::string>& cells : csvRows(name)) {
    rows.emplace_back();
    for (const std::string& cell : cells) rows.back().push_back(std::stod(cell));
  }
  return rows;
}

}  // namespace caracal::test
