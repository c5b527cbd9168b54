#include "app/ui/timeline/time_view.h"

#include <algorithm>
#include <cmath>

namespace caracal::ui {
namespace {

constexpr double kFitMargin = 0.01;      // of the width, on each side
constexpr double kWidestInRanges = 5.0;  // the view is never wider than this many whole ranges
constexpr size_t kMostHistory = 200;

double coarsest(Span range, int width) {
  const double length = std::max<double>(1.0, static_cast<double>(range.lengthNs()));
  return std::max(kFinestNsPerPixel, kWidestInRanges * length / std::max(1, width));
}

// At least a tenth of the screen keeps showing the range.
TimeView keepInSight(TimeView view, Span range) {
  const double visible = view.nsPerPixel * view.width;
  const auto margin = static_cast<int64_t>(visible * 0.9);
  view.beginNs = std::clamp(
      view.beginNs, range.beginNs - margin,
      std::max(range.beginNs - margin, range.endNs - static_cast<int64_t>(visible) + margin));
  return view;
}

}  // namespace

int64_t TimeView::timeAt(double pixel) const {
  return beginNs + static_cast<int64_t>(std::floor(pixel * nsPerPixel));
}

Span TimeView::span() const {
  return {beginNs,
          beginNs + std::max<int64_t>(1, static_cast<int64_t>(std::ceil(nsPerPixel * width)))};
}

TimeView show(Span exactly, int width) {
  TimeView view;
  view.width = std::max(1, width);
  view.beginNs = exactly.beginNs;
  view.nsPerPixel = std::max(
      kFinestNsPerPixel, static_cast<double>(exactly.lengthNs()) / static_cast<double>(view.width));
  return view;
}

TimeView fit(Span range, int width) {
  const auto margin = static_cast<int64_t>(static_cast<double>(range.lengthNs()) * kFitMargin);
  return show({range.beginNs - margin, range.endNs + margin}, width);
}

TimeView zoomed(const TimeView& view, double factor, double anchorPixel, Span range) {
  TimeView next = view;
  next.nsPerPixel =
      std::clamp(view.nsPerPixel * factor, kFinestNsPerPixel, coarsest(range, view.width));
  next.beginNs =
      view.beginNs +
      static_cast<int64_t>(std::llround(anchorPixel * (view.nsPerPixel - next.nsPerPixel)));
  return keepInSight(next, range);
}

TimeView panned(const TimeView& view, double pixels, Span range) {
  TimeView next = view;
  next.beginNs += static_cast<int64_t>(std::llround(pixels * view.nsPerPixel));
  return keepInSight(next, range);
}

TimeView resized(const TimeView& view, int width) {
  TimeView next = view;
  next.width = std::max(1, width);
  return next;
}

TimeView revealing(const TimeView& view, Span span) {
  const Span visible = view.span();
  if (span.beginNs >= visible.beginNs && span.endNs <= visible.endNs) return view;
  TimeView next = view;
  if (span.lengthNs() > visible.lengthNs()) {
    next.beginNs =
        span.beginNs - visible.lengthNs() / 20;  // the start matters more than the middle
  } else {
    next.beginNs = span.beginNs + span.lengthNs() / 2 - visible.lengthNs() / 2;
  }
  return next;
}

int64_t majorStep(const TimeView& view, double leastPixels) {
  const double least = std::max(1.0, view.nsPerPixel * leastPixels);
  const double power = std::pow(10.0, std::floor(std::log10(least)));
  for (const double factor : {1.0, 2.0, 5.0, 10.0}) {
    if (factor * power >= least) return static_cast<int64_t>(std::llround(factor * power));
  }
  return static_cast<int64_t>(std::llround(10.0 * power));
}

std::vector<Tick> ticks(const TimeView& view, double leastPixels) {
  const int64_t major = majorStep(view, leastPixels);
  const int64_t minor = std::max<int64_t>(1, major / 5);
  const Span span = view.span();
  std::vector<Tick> result;
  int64_t t = (span.beginNs / minor) * minor;
  if (t > span.beginNs) t -= minor;
  for (; t <= span.endNs; t += minor) result.push_back({t, t % major == 0});
  return result;
}

void ViewHistory::push(const TimeView& view, Gesture gesture) {
  if (!m_views.empty() && m_views[m_current] == view) return;
  if (!m_views.empty()) m_views.resize(m_current + 1);
  if (gesture == Gesture::kContinues && m_views.size() > 1) {
    m_views.back() = view;
  } else {
    m_views.push_back(view);
  }
  if (m_views.size() > kMostHistory) m_views.erase(m_views.begin());
  m_current = m_views.size() - 1;
}

const TimeView* ViewHistory::back() {
  return m_current == 0 ? nullptr : &m_views[--m_current];
}

const TimeView* ViewHistory::forward() {
  return m_current + 1 >= m_views.size() ? nullptr : &m_views[++m_current];
}

void ViewHistory::clear() {
  m_views.clear();
  m_current = 0;
}

}  // namespace caracal::ui
