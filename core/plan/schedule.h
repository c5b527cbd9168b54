// Schedule: which device runs which pass of which model chunk in which order. A value made from a
// name, the number of devices and the number of micro-batches; lowering (program.h) turns each pass
// into items, so that simulator and runtime never ask for a schedule by name.
//
// A *device* is one position of the pipeline: all tensor-parallel ranks that hold the same layers.
// A *chunk* is one entry of Plan::stages: the model's layers, cut into consecutive chunks. Most
// schedules give a device one chunk; interleaved ones several, V-shaped ones two, and DualPipe two
// that it shares with its mirror image.
//
// | name          | chunks | needs            | source                                       |
// | 1F1B          | p      |                  | PipeDream-flush, arXiv 2006.09503            |
// | gpipe         | p      |                  | arXiv 1811.06965                             |
// | interleaved:V | p * V  | V > 1, p divides m | Megatron-LM, arXiv 2104.04473              |
// | zb-h1, zb-h2  | p      |                  | Zero Bubble, arXiv 2401.10241                |
// | zb-v          | 2 p    |                  | Zero Bubble, arXiv 2401.10241, section 6     |
// | v-half, v-min | 2 p    |                  | Controllable Memory, arXiv 2405.15362        |
// | dualpipe      | p      | p even, m even, m >= 2 p | DeepSeek-V3, arXiv 2412.19437        |
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"

namespace caracal::plan {

enum class ScheduleKind : uint8_t {
  k1F1B,
  kGPipe,
  kInterleaved,
  kZbH1,
  kZbH2,
  kZbV,
  kVHalf,
  kVMin,
  kDualPipe
};

struct ScheduleName {
  ScheduleKind kind = ScheduleKind::k1F1B;
  int32_t chunksPerDevice = 1;  // 2 for V-shaped schedules and DualPipe
  bool operator==(const ScheduleName&) const = default;
};

// Letter case does not matter. Fails with what can be written instead.
Result<ScheduleName> scheduleFromName(std::string_view text);
std::string toText(ScheduleName name);

enum class PassKind : uint8_t {
  kForward,
  kBackward,        // input and weight gradients
  kInputGradient,   // the part that the stage before waits for
  kWeightGradient,  // the rest, at any time after
};

struct ScheduledPass {
  PassKind kind = PassKind::kForward;
  int32_t chunk = 0;
  int32_t microBatch = 0;
  bool operator==(const ScheduledPass&) const = default;
};

using PassOrder = std::vector<ScheduledPass>;

struct Schedule {
  ScheduleName name;
  int32_t devices = 1;
  int32_t microBatches = 1;
  int32_t chunks = 1;                          // of the model
  std::vector<PassOrder> orders;               // per device
  std::vector<std::vector<int32_t>> chunksOf;  // per device, in model order

  // DualPipe sends the first half of the micro-batches from the first device to the last, the
  // second half the other way.
  int32_t deviceOf(int32_t chunk, int32_t microBatch) const;
};

// Chunks that the model is cut into: how many entries a plan's `stages` has.
int32_t chunkCount(ScheduleName name, int32_t devices);

// Fails with kInvalidInput for unknown names and for sizes that the schedule cannot run, with the
// remedy.
Result<Schedule> makeSchedule(std::string_view name, int32_t devices, int32_t microBatches);

// Micro-batches of a chunk that are between their forward and their (input) gradient at once, at
// most. REQUIRES a chunk of the order's device.
int32_t inFlight(const PassOrder& order, int32_t chunk);

// For every pass that is a forward: the micro-batch whose `fwd.*` recomputations its collectives
// hide, or -1. It is that of the chunk's first backward after it, when no other forward of the
// chunk lies between and its own forward lies before. Other passes: -1.
std::vector<int32_t> hostedMicroBatches(const PassOrder& order);
// How many of them, `hosted`, are of this chunk.
int32_t hostedCount(const PassOrder& order, const std::vector<int32_t>& hosted, int32_t chunk);

// Whether weight gradients are passes of their own.
bool splitsBackward(const PassOrder& order);

// For every pass: whether it is the last of its chunk that makes weight gradients, so that after it
// the chunk's gradients of the step are complete.
std::vector<bool> completesGradients(const PassOrder& order);

}  // namespace caracal::plan
