// Rows of the files in tests/data: numbers between commas; lines that start with # are their
// source.
#pragma once

#include <fstream>
#include <sstream>
#include <string>
#include <vector>

namespace caracal::test {

// Empty when the file is missing, which the caller has to expect against.
inline std::vector<std::vector<double>> dataRows(const std::string& path) {
  std::vector<std::vector<double>> rows;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    if (line.empty() || line[0] == '#') continue;
    std::vector<double>& row = rows.emplace_back();
    std::stringstream cells(line);
    for (std::string cell; std::getline(cells, cell, ',');) row.push_back(std::stod(cell));
  }
  return rows;
}

}  // namespace caracal::test
