// Geometry of the time axis as pure functions: which time is at which pixel, and what zoom and pan
// do. Screen geometry works in double pixels over time *differences*; times themselves stay
// integers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/base/intervals.h"

namespace caracal::ui {

// What part of the axis is visible in `width` pixels.
struct TimeView {
  int64_t beginNs = 0;
  double nsPerPixel = 1.0;
  int width = 1;
  bool operator==(const TimeView&) const = default;

  double pixelOf(int64_t timeNs) const {
    return static_cast<double>(timeNs - beginNs) / nsPerPixel;
  }
  int64_t timeAt(double pixel) const;
  Span span() const;
};

// Zoom ends where a nanosecond is 20 pixels wide, and where the whole range takes a fifth of the
// width.
inline constexpr double kFinestNsPerPixel = 0.05;

TimeView fit(Span range, int width);     // with a small margin on both sides
TimeView show(Span exactly, int width);  // without one
// factor < 1 zooms in; the time under `anchorPixel` stays there.
TimeView zoomed(const TimeView& view, double factor, double anchorPixel, Span range);
// Moves the content by `pixels` (positive: later times come into view), keeping some of `range` in
// sight.
TimeView panned(const TimeView& view, double pixels, Span range);
TimeView resized(const TimeView& view, int width);  // same begin, same scale
// Scrolls, without zooming, until `span` is inside; centres it when it was outside.
TimeView revealing(const TimeView& view, Span span);

// A labelled position of the ruler, in time since the ruler's zero.
struct Tick {
  int64_t timeNs = 0;
  bool major = false;
};
// Round steps (1, 2, 5 times a power of ten) at least `leastPixels` apart for major ticks, five
// minor ones between.
std::vector<Tick> ticks(const TimeView& view, double leastPixels);
// "12.5 ms" with as many digits as `stepNs` needs, in one unit for the whole ruler.
int64_t majorStep(const TimeView& view, double leastPixels);

// Views visited, for Alt+Left and Alt+Right. A burst of small moves is one entry.
class ViewHistory {
 public:
  // `continues`: this view comes from the same gesture as the last one pushed.
  enum class Gesture { kNew, kContinues };
  void push(const TimeView& view, Gesture gesture);
  const TimeView* back();     // nullptr at the oldest
  const TimeView* forward();  // nullptr at the newest
  void clear();

 private:
  std::vector<TimeView> m_views;
  size_t m_current = 0;
};

}  // namespace caracal::ui
