// The ellipsoid method: the maximum of a concave function of few variables, which need not be
// smooth, over a box.
#pragma once

#include <functional>
#include <vector>

namespace caracal::planner {

struct ConcaveValue {
  double value = 0;
  std::vector<double> gradient;  // a supergradient
};
using ConcaveFunction = std::function<ConcaveValue(const std::vector<double>& at)>;

// The best point met in so many steps, for variables in [0, 1]; starts in the middle.
std::vector<double> maximise(size_t variables, int steps, const ConcaveFunction& function);

}  // namespace caracal::planner
