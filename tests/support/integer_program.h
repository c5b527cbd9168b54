// Integer programs for CBC, the independent check of the planner's searches.
#pragma once

#include <coin/Cbc_C_Interface.h>

#include <cstddef>
#include <limits>
#include <optional>
#include <vector>

namespace caracal::test {

struct LinearRow {
  std::vector<double> coefficients;
  double lower = -std::numeric_limits<double>::max();
  double upper = std::numeric_limits<double>::max();
};

// Minimises objective * x over x >= 0, the first `binaries` of them 0 or 1.
inline std::optional<std::vector<double>> solveWithCbc(const std::vector<double>& objective,
                                                       size_t binaries,
                                                       const std::vector<double>& upper,
                                                       const std::vector<LinearRow>& rows) {
  const size_t columns = objective.size();
  std::vector<CoinBigIndex> starts{0};
  std::vector<int> indices;
  std::vector<double> values, rowLower, rowUpper;
  for (size_t c = 0; c < columns; ++c) {
    for (size_t r = 0; r < rows.size(); ++r) {
      if (rows[r].coefficients[c] == 0) continue;
      indices.push_back(static_cast<int>(r));
      values.push_back(rows[r].coefficients[c]);
    }
    starts.push_back(static_cast<CoinBigIndex>(indices.size()));
  }
  for (const LinearRow& row : rows) {
    rowLower.push_back(row.lower);
    rowUpper.push_back(row.upper);
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
  Cbc_solve(model);
  std::optional<std::vector<double>> solution;
  if (Cbc_isProvenOptimal(model)) {
    const double* found = Cbc_getColSolution(model);
    solution.emplace(found, found + columns);
  }
  Cbc_deleteModel(model);
  return solution;
}

}  // namespace caracal::test
