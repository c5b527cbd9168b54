// V-Half and V-Min: the passes of one micro-batch, laid out once and repeated.
#include <algorithm>
#include <array>
#include <optional>
#include <tuple>

#include "core/plan/schedule_orders.h"

namespace caracal::plan {
namespace {

constexpr int32_t kPeriod = 6;  // passes of a micro-batch on a device, in units of one pass

struct TimedPass {
  PassKind kind = PassKind::kForward;
  int32_t chunk = 0;
  int32_t time = 0;  // of micro-batch 0; micro-batch i runs i periods later
};

// The six passes of a micro-batch on one device: forwards and input gradients of both chunks, then
// their weight gradients.
using DeviceBlock = std::array<TimedPass, kPeriod>;

int32_t residue(int32_t time) {
  return ((time % kPeriod) + kPeriod) % kPeriod;
}

// Three turns of the wave, in time units after the earliest possible.
struct Slack {
  int32_t atBottom = 0, atTop = 0, atBottomAgain = 0;
};

// Nothing when two passes of a device would fall on the same unit of the period.
std::optional<DeviceBlock> blockOf(const BlockOffsets& by, const Slack& slack, int32_t device,
                                   int32_t p) {
  const int32_t down = device, up = p - 1 - device;
  const int32_t upBegin = by.forwardDown * (p - 1) + 1 + slack.atBottom;
  const int32_t backBegin = upBegin + by.forwardUp * (p - 1) + 1 + slack.atTop;
  const int32_t lastBegin = backBegin + by.backwardDown * (p - 1) + 1 + slack.atBottomAgain;
  const int32_t lower = device, upper = 2 * p - 1 - device;
  DeviceBlock block{{{PassKind::kForward, lower, by.forwardDown * down},
                     {PassKind::kForward, upper, upBegin + by.forwardUp * up},
                     {PassKind::kInputGradient, upper, backBegin + by.backwardDown * down},
                     {PassKind::kInputGradient, lower, lastBegin + by.backwardUp * up},
                     {PassKind::kWeightGradient, upper, 0},
                     {PassKind::kWeightGradient, lower, 0}}};
  std::array<bool, kPeriod> taken{};
  for (size_t i = 0; i < 4; ++i) {
    bool& place = taken[static_cast<size_t>(residue(block[i].time))];
    if (place) return std::nullopt;
    place = true;
  }
  for (size_t i = 4; i < kPeriod; ++i) {
    int32_t time = block[i - 2].time + 1;  // its input gradient is two entries before
    while (taken[static_cast<size_t>(residue(time))]) ++time;
    taken[static_cast<size_t>(residue(time))] = true;
    block[i].time = time;
  }
  return block;
}

// Chunks held at once in the steady state, from a forward's begin to its weight gradient's end.
int32_t held(const DeviceBlock& block) {
  const auto alive = [](int32_t begin, int32_t last, int32_t at) {
    return (last - at + kPeriod) / kPeriod - (begin - at - 1 + kPeriod) / kPeriod;
  };
  int32_t most = 0;
  for (int32_t at = 0; at < kPeriod; ++at) {
    most = std::max(
        most, alive(block[0].time, block[5].time, at) + alive(block[1].time, block[4].time, at));
  }
  return most;
}

struct Block {
  std::vector<DeviceBlock> devices;
  int32_t held = 0;
  int32_t length = 0;
};

std::optional<Block> blockOf(const BlockOffsets& offsets, const Slack& slack, int32_t p) {
  Block block;
  for (int32_t device = 0; device < p; ++device) {
    const auto one = blockOf(offsets, slack, device, p);
    if (!one) return std::nullopt;
    block.held = std::max(block.held, held(*one));
    for (const TimedPass& pass : *one) block.length = std::max(block.length, pass.time + 1);
    block.devices.push_back(*one);
  }
  return block;
}

Block bestBlock(const BlockOffsets& offsets, int32_t p) {
  std::optional<Block> best;
  for (int32_t i = 0; i < kPeriod * kPeriod * kPeriod; ++i) {
    const Slack slack{i / (kPeriod * kPeriod), i / kPeriod % kPeriod, i % kPeriod};
    auto block = blockOf(offsets, slack, p);
    if (!block) continue;
    if (!best || std::tie(block->held, block->length) < std::tie(best->held, best->length))
      best = std::move(block);
  }
  return best
      .value();  // both sets of offsets have blocks for every p: slacks shift residues freely
}

}  // namespace

std::vector<PassOrder> repeatedBlockOrders(const BlockOffsets& offsets, int32_t p, int32_t m) {
  const Block block = bestBlock(offsets, p);
  std::vector<PassOrder> orders;
  for (const DeviceBlock& device : block.devices) {
    std::vector<std::pair<int64_t, ScheduledPass>> timed;
    for (const TimedPass& pass : device) {
      for (int32_t q = 0; q < m; ++q)
        timed.push_back({pass.time + int64_t{kPeriod} * q, {pass.kind, pass.chunk, q}});
    }
    std::sort(timed.begin(), timed.end(),
              [](const auto& a, const auto& b) { return a.first < b.first; });
    PassOrder& order = orders.emplace_back();
    for (const auto& entry : timed) order.push_back(entry.second);
  }
  return orders;
}

}  // namespace caracal::plan
