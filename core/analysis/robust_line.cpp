#include "core/analysis/robust_line.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "core/base/statistics.h"

namespace caracal::analysis {
namespace {

constexpr size_t kMostPoints = 200;
constexpr size_t kLeastForSlope = 20;

double medianSlope(const std::vector<LinePoint>& points) {
  const size_t stride = std::max<size_t>(1, points.size() / kMostPoints);
  std::vector<double> slopes;
  for (size_t i = 0; i < points.size(); i += stride) {
    for (size_t j = i + stride; j < points.size(); j += stride) {
      const int64_t distance = points[j].x - points[i].x;
      if (distance > 0)
        slopes.push_back(static_cast<double>(points[j].y - points[i].y) /
                         static_cast<double>(distance));
    }
  }
  if (slopes.empty()) return 0;
  const auto middle = slopes.begin() + static_cast<std::ptrdiff_t>(slopes.size() / 2);
  std::nth_element(slopes.begin(), middle, slopes.end());
  return *middle;
}

int64_t medianOffset(const std::vector<LinePoint>& points, const RobustLine& line) {
  std::vector<int64_t> offsets;
  for (const LinePoint& point : points) offsets.push_back(point.y - line.at(point.x) + line.offset);
  return median(std::move(offsets));
}

int64_t medianResidual(const std::vector<LinePoint>& points, const RobustLine& line) {
  std::vector<int64_t> residuals;
  for (const LinePoint& point : points) residuals.push_back(std::abs(point.y - line.at(point.x)));
  return median(std::move(residuals));
}

}  // namespace

RobustLine fitLine(std::vector<LinePoint> points) {
  RobustLine flat;
  if (points.empty()) return flat;
  std::sort(points.begin(), points.end(),
            [](const LinePoint& a, const LinePoint& b) { return a.x < b.x; });
  flat.pivot = points.front().x + (points.back().x - points.front().x) / 2;
  RobustLine sloped = flat;
  flat.offset = medianOffset(points, flat);
  if (points.size() < kLeastForSlope) return flat;
  sloped.slope = medianSlope(points);
  sloped.offset = medianOffset(points, sloped);
  constexpr double kWorthIt = 0.8;
  const auto without = static_cast<double>(medianResidual(points, flat));
  const auto with = static_cast<double>(medianResidual(points, sloped));
  return with < kWorthIt * without ? sloped : flat;
}

int64_t percentile(std::vector<int64_t> values, double percent) {
  if (values.empty()) return 0;
  const auto rank =
      static_cast<size_t>(std::ceil(percent / 100.0 * static_cast<double>(values.size())));
  const size_t index = std::clamp<size_t>(rank, 1, values.size()) - 1;
  const auto place = values.begin() + static_cast<std::ptrdiff_t>(index);
  std::nth_element(values.begin(), place, values.end());
  return *place;
}

}  // namespace caracal::analysis
