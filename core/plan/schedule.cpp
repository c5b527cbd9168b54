#include "core/plan/schedule.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <limits>
#include <optional>
#include <set>
#include <utility>

#include "core/plan/schedule_orders.h"

namespace caracal::plan {
namespace {

constexpr std::string_view kInterleavedPrefix = "interleaved:";
constexpr int64_t kMostPasses = 1 << 24;  // beyond any real job; keeps broken documents harmless
constexpr int32_t kMostChunks = 1 << 14;

struct NamedKind {
  std::string_view text;
  ScheduleName name;
};
constexpr std::array<NamedKind, 8> kNames{{{"1F1B", {ScheduleKind::k1F1B, 1}},
                                           {"gpipe", {ScheduleKind::kGPipe, 1}},
                                           {"zb-h1", {ScheduleKind::kZbH1, 1}},
                                           {"zb-h2", {ScheduleKind::kZbH2, 1}},
                                           {"zb-v", {ScheduleKind::kZbV, 2}},
                                           {"v-half", {ScheduleKind::kVHalf, 2}},
                                           {"v-min", {ScheduleKind::kVMin, 2}},
                                           {"dualpipe", {ScheduleKind::kDualPipe, 2}}}};

bool equalsIgnoringCase(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](unsigned char x, unsigned char y) {
    return std::tolower(x) == std::tolower(y);
  });
}

bool isVShaped(ScheduleKind kind) {
  return kind == ScheduleKind::kZbV || kind == ScheduleKind::kVHalf || kind == ScheduleKind::kVMin;
}

tl::unexpected<Error> unknown(std::string_view text) {
  return fail(ErrorCode::kInvalidInput,
              "there is no schedule `{}`; choose 1F1B, gpipe, interleaved:V (V chunks a stage), "
              "zb-h1, zb-h2, zb-v, v-half, v-min or dualpipe",
              text);
}

Result<ScheduleName> interleavedFromName(std::string_view text) {
  const std::string_view digits = text.substr(kInterleavedPrefix.size());
  int32_t chunks = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), chunks);
  if (error != std::errc{} || end != digits.data() + digits.size()) return unknown(text);
  if (chunks < 2 || chunks > kMostChunks) {
    return fail(ErrorCode::kInvalidInput,
                "schedule `{}` needs 2 to {} chunks a stage; with one chunk it is 1F1B", text,
                kMostChunks);
  }
  return ScheduleName{ScheduleKind::kInterleaved, chunks};
}

Result<void> checkSizes(ScheduleName name, int32_t devices, int32_t microBatches) {
  if (devices < 1 || microBatches < 1)
    return fail(ErrorCode::kInvalidInput, "a schedule needs at least one stage and micro-batch");
  const int64_t chunks = int64_t{devices} * name.chunksPerDevice;
  if (chunks > kMostChunks || 3 * chunks * microBatches > kMostPasses) {
    return fail(ErrorCode::kInvalidInput,
                "{} chunks and {} micro-batches make more than {} passes; fewer micro-batches show "
                "the same steady state",
                chunks, microBatches, kMostPasses);
  }
  if (name.kind == ScheduleKind::kInterleaved && microBatches % devices != 0) {
    return fail(
        ErrorCode::kInvalidInput,
        "{} sends micro-batches in groups of the pipeline's {} stages, and {} micro-batches "
        "are no whole number of groups; use {} or {} micro-batches, or 1F1B",
        toText(name), devices, microBatches, std::max(devices, microBatches / devices * devices),
        (microBatches / devices + 1) * devices);
  }
  if (name.kind == ScheduleKind::kDualPipe &&
      (devices % 2 != 0 || microBatches % 2 != 0 || microBatches < 2 * devices)) {
    return fail(ErrorCode::kInvalidInput,
                "dualpipe needs an even number of stages and an even number of micro-batches, at "
                "least twice the stages; here are {} stages and {} micro-batches",
                devices, microBatches);
  }
  return {};
}

std::vector<PassOrder> ordersOf(ScheduleName name, int32_t p, int32_t m) {
  if (name.kind == ScheduleKind::kVHalf) return repeatedBlockOrders(kVHalfOffsets, p, m);
  if (name.kind == ScheduleKind::kVMin) return repeatedBlockOrders(kVMinOffsets, p, m);
  std::vector<PassOrder> orders;
  for (int32_t device = 0; device < p; ++device) {
    switch (name.kind) {
      case ScheduleKind::kGPipe:
        orders.push_back(orderGPipe(device, m));
        break;
      case ScheduleKind::kInterleaved:
        orders.push_back(orderInterleaved(device, p, m, name.chunksPerDevice));
        break;
      case ScheduleKind::kZbH1:
        orders.push_back(orderZeroBubble(device, p, m, 1));
        break;
      case ScheduleKind::kZbH2:
        orders.push_back(orderZeroBubble(device, p, m, 2));
        break;
      case ScheduleKind::kZbV:
        orders.push_back(orderZbV(device, p, m));
        break;
      case ScheduleKind::kDualPipe:
        orders.push_back(orderDualPipe(device, p, m));
        break;
      default:
        orders.push_back(order1F1B(device, p, m));
    }
  }
  return orders;
}

}  // namespace

Result<ScheduleName> scheduleFromName(std::string_view text) {
  for (const NamedKind& known : kNames) {
    if (equalsIgnoringCase(text, known.text)) return known.name;
  }
  if (equalsIgnoringCase(text.substr(0, kInterleavedPrefix.size()), kInterleavedPrefix))
    return interleavedFromName(text);
  return unknown(text);
}

std::string toText(ScheduleName name) {
  for (const NamedKind& known : kNames) {
    if (known.name.kind == name.kind) return std::string(known.text);
  }
  return fmt::format("{}{}", kInterleavedPrefix, name.chunksPerDevice);
}

int32_t chunkCount(ScheduleName name, int32_t devices) {
  return name.kind == ScheduleKind::kDualPipe ? devices : devices * name.chunksPerDevice;
}

int32_t Schedule::deviceOf(int32_t chunk, int32_t microBatch) const {
  if (isVShaped(name.kind)) return chunk < devices ? chunk : 2 * devices - 1 - chunk;
  if (name.kind == ScheduleKind::kDualPipe && microBatch >= microBatches / 2)
    return devices - 1 - chunk;
  return chunk % devices;
}

Result<Schedule> makeSchedule(std::string_view name, int32_t devices, int32_t microBatches) {
  CARACAL_TRY(parsed, scheduleFromName(name));
  CARACAL_CHECK_OK(checkSizes(parsed, devices, microBatches));
  Schedule schedule;
  schedule.name = parsed;
  schedule.devices = devices;
  schedule.microBatches = microBatches;
  schedule.chunks = chunkCount(parsed, devices);
  schedule.orders = ordersOf(parsed, devices, microBatches);
  for (const PassOrder& order : schedule.orders) {
    std::set<int32_t> chunks;
    for (const ScheduledPass& pass : order) chunks.insert(pass.chunk);
    schedule.chunksOf.emplace_back(chunks.begin(), chunks.end());
  }
  return schedule;
}

int32_t inFlight(const PassOrder& order, int32_t chunk) {
  int32_t now = 0, most = 0;
  for (const ScheduledPass& pass : order) {
    if (pass.chunk != chunk || pass.kind == PassKind::kWeightGradient) continue;
    now += pass.kind == PassKind::kForward ? 1 : -1;
    most = std::max(most, now);
  }
  return most;
}

std::vector<int32_t> hostedMicroBatches(const PassOrder& order) {
  std::vector<int32_t> hosted(order.size(), -1);
  constexpr size_t kNone = std::numeric_limits<size_t>::max();
  std::vector<size_t> latestForward;  // per chunk; kNone once it hosts a backward
  for (size_t i = 0; i < order.size(); ++i) {
    const ScheduledPass& pass = order[i];
    if (pass.kind == PassKind::kWeightGradient) continue;
    const auto chunk = static_cast<size_t>(pass.chunk);
    if (chunk >= latestForward.size()) latestForward.resize(chunk + 1, kNone);
    if (pass.kind == PassKind::kForward) {
      latestForward[chunk] = i;
      continue;
    }
    const size_t latest = std::exchange(latestForward[chunk], kNone);
    if (latest == kNone) continue;
    // A forward of the same micro-batch is the one that the backward undoes: nothing lies between.
    if (order[latest].microBatch != pass.microBatch) hosted[latest] = pass.microBatch;
  }
  return hosted;
}

int32_t hostedCount(const PassOrder& order, const std::vector<int32_t>& hosted, int32_t chunk) {
  int32_t count = 0;
  for (size_t i = 0; i < order.size(); ++i) count += order[i].chunk == chunk && hosted[i] >= 0;
  return count;
}

bool splitsBackward(const PassOrder& order) {
  return std::any_of(order.begin(), order.end(), [](const ScheduledPass& pass) {
    return pass.kind == PassKind::kWeightGradient;
  });
}

std::vector<bool> completesGradients(const PassOrder& order) {
  std::vector<bool> completes(order.size(), false);
  std::set<int32_t> complete;
  for (size_t i = order.size(); i-- > 0;) {
    const PassKind kind = order[i].kind;
    if (kind != PassKind::kBackward && kind != PassKind::kWeightGradient) continue;
    completes[i] = complete.insert(order[i].chunk).second;
  }
  return completes;
}

}  // namespace caracal::plan
