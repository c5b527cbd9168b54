// Block: one rectangle of the timeline.
#pragma once

#include <cstdint>

#include "app/ui/theme/palette.h"
#include "core/base/intervals.h"

namespace caracal::ui {

struct BlockStyle {
  Paint paint = Paint::kOther;
  uint8_t shade = 0;  // 0 to 3: tells equal paints with different names apart
  bool operator==(const BlockStyle&) const = default;
};

// Times are scene times (SceneRun::shiftNs applied).
struct Block {
  int64_t beginNs = 0;
  int64_t endNs = 0;    // exclusive; equal to beginNs for an instant
  uint32_t source = 0;  // event index in the run's trace; for bubbles an index into Scene::bubbles
  BlockStyle style;
  bool operator==(const Block&) const = default;
  Span span() const { return {beginNs, endNs}; }
  int64_t durationNs() const { return endNs - beginNs; }
};

}  // namespace caracal::ui
