#include "core/planner/ellipsoid.h"

#include <cmath>
#include <limits>

namespace caracal::planner {
namespace {

// {x : (x - center)^T M^-1 (x - center) <= 1}
struct Ellipsoid {
  explicit Ellipsoid(size_t n) : center(n, 0.5), matrix(n, std::vector<double>(n, 0.0)) {
    for (size_t i = 0; i < n; ++i) matrix[i][i] = 0.25 * static_cast<double>(n);
  }

  // Keeps the half in which `direction` points. False: it is too thin to go on.
  bool cut(const std::vector<double>& direction) {
    const size_t n = center.size();
    std::vector<double> step(n, 0.0);
    double width = 0;
    for (size_t i = 0; i < n; ++i) {
      for (size_t j = 0; j < n; ++j) step[i] += matrix[i][j] * direction[j];
      width += direction[i] * step[i];
    }
    if (!(width > 1e-300)) return false;
    const auto count = static_cast<double>(n);
    for (double& value : step) value /= std::sqrt(width);
    for (size_t i = 0; i < n; ++i) center[i] += step[i] / (count + 1);
    const double grow = n > 1 ? count * count / (count * count - 1) : 1.0;
    const double shrink = n > 1 ? 2 / (count + 1) : 0.75;
    for (size_t i = 0; i < n; ++i) {
      for (size_t j = 0; j < n; ++j)
        matrix[i][j] = grow * (matrix[i][j] - shrink * step[i] * step[j]);
    }
    return true;
  }

  std::vector<double> center;
  std::vector<std::vector<double>> matrix;
};

}  // namespace

std::vector<double> maximise(size_t variables, int steps, const ConcaveFunction& function) {
  Ellipsoid ellipsoid(variables);
  std::vector<double> best = ellipsoid.center;
  double most = -std::numeric_limits<double>::infinity();
  for (int step = 0; step < steps; ++step) {
    std::vector<double> direction(variables, 0.0);
    bool inside = true;
    for (size_t i = 0; i < variables && inside; ++i) {
      const double x = ellipsoid.center[i];
      inside = x >= 0 && x <= 1;
      if (!inside) direction[i] = x < 0 ? 1 : -1;
    }
    if (inside) {
      const ConcaveValue found = function(ellipsoid.center);
      if (found.value > most) {
        most = found.value;
        best = ellipsoid.center;
      }
      direction = found.gradient;
    }
    if (!ellipsoid.cut(direction)) break;
  }
  return best;
}

}  // namespace caracal::planner
