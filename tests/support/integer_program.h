// Integer programs for CBC, the independent check of the planner's searches.
#pragma once

#include <coin/Cbc_C_Interface.h>

#include <cassert>
#include <cstddef>
#include <limits>
#include <map>
#include <optional>
#include <vector>

namespace caracal::test {

// A constant and so much of some columns.
struct LinearSum {
  double constant = 0;
  std::map<size_t, double> coefficients;

  static LinearSum of(size_t column) { return {0, {{column, 1.0}}}; }
  LinearSum& add(const LinearSum& other, double times = 1) {
    constant += times * other.constant;
    for (const auto& [column, coefficient] : other.coefficients)
      coefficients[column] += times * coefficient;
    return *this;
  }
  double at(const std::vector<double>& values) const {
    double sum = constant;
    for (const auto& [column, coefficient] : coefficients) sum += coefficient * values[column];
    return sum;
  }
};

struct LinearRow {
  std::map<size_t, double> coefficients;
  double lower = -std::numeric_limits<double>::max();
  double upper = std::numeric_limits<double>::max();
};

// sum <= 0.
inline LinearRow notAboveZero(const LinearSum& sum) {
  LinearRow row{sum.coefficients};
  row.upper = -sum.constant;
  return row;
}

// Minimises objective * x over x >= 0, the first `binaries` of them 0 or 1. Nothing: no x costs
// less than `cutoff`.
inline std::optional<std::vector<double>> solveWithCbc(
    const std::vector<double>& objective, size_t binaries, const std::vector<double>& upper,
    const std::vector<LinearRow>& rows, double cutoff = std::numeric_limits<double>::max()) {
  const size_t columns = objective.size();
  std::vector<std::vector<std::pair<int, double>>> entries(columns);
  std::vector<double> rowLower, rowUpper;
  for (const LinearRow& row : rows) {
    for (const auto& [column, coefficient] : row.coefficients) {
      if (coefficient != 0)
        entries[column].push_back({static_cast<int>(rowLower.size()), coefficient});
    }
    rowLower.push_back(row.lower);
    rowUpper.push_back(row.upper);
  }
  std::vector<CoinBigIndex> starts{0};
  std::vector<int> indices;
  std::vector<double> values;
  for (const auto& column : entries) {
    for (const auto& [row, coefficient] : column) {
      indices.push_back(row);
      values.push_back(coefficient);
    }
    starts.push_back(static_cast<CoinBigIndex>(indices.size()));
  }
  const std::vector<double> lower(columns, 0.0);
  Cbc_Model* model = Cbc_newModel();
  Cbc_loadProblem(model, static_cast<int>(columns), static_cast<int>(rows.size()), starts.data(),
                  indices.data(), values.data(), lower.data(), upper.data(), objective.data(),
                  rowLower.data(), rowUpper.data());
  for (size_t c = 0; c < binaries; ++c) Cbc_setInteger(model, static_cast<int>(c));
  Cbc_setLogLevel(model, 0);
  Cbc_setParameter(model, "log", "0");
  Cbc_setParameter(model, "ratioGap", "0");
  Cbc_setParameter(model, "allowableGap", "0");
  if (cutoff < std::numeric_limits<double>::max()) Cbc_setCutoff(model, cutoff);
  Cbc_solve(model);
  std::optional<std::vector<double>> solution;
  assert(Cbc_isProvenOptimal(model) || Cbc_isProvenInfeasible(model));
  if (Cbc_isProvenOptimal(model)) {
    const double* found = Cbc_getColSolution(model);
    solution.emplace(found, found + columns);
  }
  Cbc_deleteModel(model);
  return solution;
}

}  // namespace caracal::test
