// The orders of the schedules, one function each; part of makeSchedule(), which checks the sizes.
// m micro-batches, p devices.
#pragma once

#include "core/plan/schedule.h"

namespace caracal::plan {

// min(p - 1 - device, m) forwards ahead, then one forward and one backward in turn.
PassOrder order1F1B(int32_t device, int32_t p, int32_t m);
PassOrder orderGPipe(int32_t device, int32_t m);
// Micro-batches in groups of p, each group through one chunk after the other; device d is
// (p - 1 - d) * 2 + (chunksPerDevice - 1) * p forwards ahead.
PassOrder orderInterleaved(int32_t device, int32_t p, int32_t m, int32_t chunksPerDevice);
// `depth` 1 (ZB-H1) or 2 (ZB-H2): depth * (p - 1 - device) forwards ahead, and the weight gradient
// of a micro-batch depth * device backwards late.
PassOrder orderZeroBubble(int32_t device, int32_t p, int32_t m, int32_t depth);
// A full wave of forwards, one chunk's backward as soon as the wave returns, and weight gradients
// kept for the cool-down. Without bubbles between a device's first and last pass when
// F = B = W and m >= 2 p - 1.
PassOrder orderZbV(int32_t device, int32_t p, int32_t m);
// Both directions meet in the middle: forwards of one run beside backwards of the other.
PassOrder orderDualPipe(int32_t device, int32_t p, int32_t m);

// How many time units apart neighbouring devices run the passes of one micro-batch.
struct BlockOffsets {
  int32_t forwardDown = 1;   // first chunks, towards the last device
  int32_t forwardUp = 1;     // second chunks, back to the first device
  int32_t backwardDown = 1;  // input gradients of second chunks
  int32_t backwardUp = 1;    // input gradients of first chunks
};
inline constexpr BlockOffsets kVMinOffsets{1, 1, 1, 1};
inline constexpr BlockOffsets kVHalfOffsets{1, 2, 1, 2};

// V-shaped schedules made by repeating the passes of one micro-batch every six time units (each
// device has six passes a micro-batch): a micro-batch's time in flight, and with it the memory,
// is (forwardUp + backwardDown) / 6 of 1F1B's. Among the blocks without collisions: the least
// memory, then the shortest. All devices at once.
std::vector<PassOrder> repeatedBlockOrders(const BlockOffsets& offsets, int32_t p, int32_t m);

}  // namespace caracal::plan
