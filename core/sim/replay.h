// Replay: when every item of every device's program runs. Times only; figures, memory and traces
// are made from them (figures.h, memory_timeline.h, simulated_trace.h).
#pragma once

#include <cstdint>
#include <stop_token>
#include <vector>

#include "core/base/result.h"
#include "core/plan/program.h"
#include "core/plan/stage_shape.h"
#include "core/profile/profile.h"

namespace caracal::sim {

// Compute items: when they run. kCollectiveStart: when the collective runs on its stream, from the
// moment compute can be filled (Window::overlappedNs lies before begin). Waits and receives: from
// when compute waits to when it goes on. Sends: the transfer, also where it waits for a share of
// the link. kReduceStart, kOffloadStart and
// kFetchStart: the reduction or copy on its stream.
struct ItemTime {
  int64_t beginNs = 0;
  int64_t endNs = 0;
  bool operator==(const ItemTime&) const = default;
};

struct StageTimes {
  std::vector<ItemTime> items;  // aligned with StageProgram::items
  // Per chunk of the program and micro-batch, its transfer over a link: [slot * M + microBatch].
  // Ends kNeverArrives where nothing comes in, and empty where nothing ever does.
  std::vector<ItemTime> activations;
  std::vector<ItemTime> gradients;
};
inline constexpr int64_t kNeverArrives = -1;

struct Replay {
  std::vector<StageTimes> stages;
  int64_t stepNs = 0;
};

// Fails with kCancelled, or, should a program wait for what never comes, with the items that wait.
Result<Replay> replay(const profile::Profile& profile, const plan::Plan& plan,
                      const plan::Program& program, std::stop_token stop = {});

// Copies from the host that are under way while a pass waits for its gradient: those of the top
// layer of a chunk.
enum class EarlyFetches : uint8_t { kTimed, kFree };

// The times of one device to which everything has come at time 0 and whose gradient reductions
// start at once, not one after the other.
StageTimes replayAlone(const plan::DeviceShape& device, const plan::StageProgram& program,
                       EarlyFetches earlyFetches = EarlyFetches::kTimed);

}  // namespace caracal::sim
