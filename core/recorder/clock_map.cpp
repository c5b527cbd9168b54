#include "core/recorder/clock_map.h"

#include <algorithm>
#include <cmath>

namespace caracal::recorder {
namespace {

constexpr double kMostSlew = 1e-3;  // adjtime() slews by 500 ppm at most

}  // namespace

ClockMap::ClockMap(std::vector<ClockPoint> points) {
  std::sort(points.begin(), points.end(),
            [](const ClockPoint& a, const ClockPoint& b) { return a.timeNs < b.timeNs; });
  const auto repeated =
      std::unique(points.begin(), points.end(),
                  [](const ClockPoint& a, const ClockPoint& b) { return a.timeNs == b.timeNs; });
  points.erase(repeated, points.end());
  if (points.empty()) return;
  m_zeroNs = points.front().timeNs;
  int64_t resultNs = 0;
  for (size_t i = 0; i + 1 < points.size(); ++i) {
    const int64_t ownNs = points[i + 1].timeNs - points[i].timeNs;
    const int64_t realNs = points[i + 1].realtimeNs - points[i].realtimeNs;
    const double excess = static_cast<double>(realNs - ownNs) / static_cast<double>(ownNs);
    const bool slewed = std::abs(excess) <= kMostSlew;
    m_pieces.push_back({points[i].timeNs, resultNs, slewed ? excess : 0});
    resultNs += slewed ? realNs : ownNs;
  }
  if (!m_pieces.empty())
    m_pieces.push_back({points.back().timeNs, resultNs, m_pieces.back().excess});
}

int64_t ClockMap::operator()(int64_t timeNs) const {
  if (m_pieces.empty()) return timeNs - m_zeroNs;
  const auto after =
      std::upper_bound(m_pieces.begin(), m_pieces.end(), timeNs,
                       [](int64_t time, const Piece& piece) { return time < piece.fromNs; });
  const Piece& piece = after == m_pieces.begin() ? *after : *(after - 1);
  const int64_t sinceNs = timeNs - piece.fromNs;
  return piece.resultNs + sinceNs + std::llround(static_cast<double>(sinceNs) * piece.excess);
}

}  // namespace caracal::recorder
