#include "core/plan/program.h"

#include <algorithm>
#include <utility>

#include "core/plan/device_lowering.h"
#include "core/plan/liveness.h"
#include "core/plan/pass_lowering.h"
#include "core/plan/schedule.h"
#include "core/plan/stage_shape.h"

namespace caracal::plan {
namespace {

// Items of one program: 100 million take 5 GB with their times. Real jobs stay far below.
constexpr int64_t kMostItems = 100'000'000;

constexpr int32_t kNoLayer = -3;

// The device of a neighbouring chunk for the micro-batches that `device` runs of `chunk`.
int32_t neighbour(const Schedule& schedule, int32_t device, int32_t chunk, int32_t towards) {
  const int32_t other = chunk + towards;
  if (other < 0 || other >= schedule.chunks) return -1;
  const bool firstHalf = schedule.deviceOf(chunk, 0) == device;
  return schedule.deviceOf(other, firstHalf ? 0 : schedule.microBatches - 1);
}

}  // namespace

StageProgram emptyProgram(const Schedule& schedule, int32_t device) {
  StageProgram program;
  program.stage = device;
  program.inFlight = 0;
  const PassOrder& order = schedule.orders[static_cast<size_t>(device)];
  program.splitBackward = splitsBackward(order);
  const std::vector<int32_t> hosted = hostedMicroBatches(order);
  for (const int32_t chunk : schedule.chunksOf[static_cast<size_t>(device)]) {
    program.chunks.push_back({chunk, neighbour(schedule, device, chunk, -1),
                              neighbour(schedule, device, chunk, +1), inFlight(order, chunk),
                              hostedCount(order, hosted, chunk)});
    program.inFlight += program.chunks.back().inFlight;
  }
  return program;
}

namespace {

void addEndOfStep(const profile::Profile& profile, StageProgram& program) {
  Item item;
  item.pass = trace::Pass::kOptimizer;
  item.layer = kNoLayer;
  item.microBatch = item.passMicroBatch = -1;
  item.action =
      profile.parallel.reducesInBackward() ? Action::kReduceWait : Action::kGradientReduce;
  if (profile.parallel.gradientReplicas() > 1) program.items.push_back(item);
  item.action = Action::kOptimizer;
  program.items.push_back(item);
}

void lowerPasses(const PassOrder& order, const PassRoles& roles, std::vector<PassLowering>& chunks,
                 const DeviceShape& device) {
  std::vector<std::vector<bool>> isHosted(chunks.size());  // per micro-batch
  const int32_t microBatches = device.chunks.front().profile.parallel.microBatches;
  for (auto& ofChunk : isHosted) ofChunk.resize(static_cast<size_t>(microBatches));
  for (size_t i = 0; i < order.size(); ++i) {
    const ScheduledPass& pass = order[i];
    const size_t slot = device.slotOf(pass.chunk);
    PassLowering& chunk = chunks[slot];
    const auto microBatch = static_cast<size_t>(pass.microBatch);
    const Reduce reduce = roles.reduces[i] ? Reduce::kEachLayer : Reduce::kNothing;
    switch (pass.kind) {
      case PassKind::kForward:
        chunk.forward(pass.microBatch, roles.hosted[i]);
        if (roles.hosted[i] >= 0) isHosted[slot][static_cast<size_t>(roles.hosted[i])] = true;
        break;
      case PassKind::kBackward:
      case PassKind::kInputGradient:
        chunk.backward(pass.microBatch,
                       isHosted[slot][microBatch] ? Hosted::kInForward : Hosted::kNowhere,
                       pass.kind == PassKind::kInputGradient, reduce);
        break;
      case PassKind::kWeightGradient:
        chunk.weightGradients(pass.microBatch, reduce);
        break;
    }
  }
}

}  // namespace

PassRoles rolesOf(const profile::ParallelShape& parallel, const PassOrder& order) {
  PassRoles roles{hostedMicroBatches(order), std::vector<bool>(order.size(), false)};
  if (parallel.reducesInBackward()) roles.reduces = completesGradients(order);
  return roles;
}

Result<void> lowerDevice(const DeviceShape& device, const PassOrder& order, const PassRoles& roles,
                         StageProgram& program) {
  uint32_t collectives = 0;
  std::vector<PassLowering> chunks;
  for (const StageShape& chunk : device.chunks) {
    chunks.emplace_back(chunk, program, collectives);
    CARACAL_CHECK_OK(chunks.back().resolve());
  }
  lowerPasses(order, roles, chunks, device);
  addEndOfStep(device.chunks.front().profile, program);
  addReleases(device, program);
  return {};
}

Result<void> checkChunks(const Schedule& schedule, const Plan& plan) {
  if (static_cast<int32_t>(plan.stages.size()) == schedule.chunks) return {};
  return fail(ErrorCode::kInvalidInput, "schedule {} on {} stages needs {} chunks, the plan has {}",
              plan.schedule, schedule.devices, schedule.chunks, plan.stages.size());
}

int64_t leastItems(const profile::Profile& profile) {
  int64_t operators = 0;
  for (const uint32_t kind : profile.layers)
    operators += static_cast<int64_t>(profile.kinds[kind].operators.size());
  return 2 * operators * profile.parallel.microBatches;
}

Result<Program> lower(const profile::Profile& profile, const Plan& plan) {
  CARACAL_TRY(schedule, makeSchedule(plan.schedule, profile.parallel.pipeline,
                                     profile.parallel.microBatches));
  CARACAL_CHECK_OK(checkChunks(schedule, plan));
  if (leastItems(profile) > kMostItems) {
    return fail(ErrorCode::kUnsupported,
                "{} layers and {} micro-batches make more than {} operators to run one by one; "
                "fewer micro-batches show the same steady state",
                profile.layers.size(), profile.parallel.microBatches, kMostItems);
  }
  const ProfileGraphs graphs(profile);
  Program program;
  for (int32_t device = 0; device < schedule.devices; ++device) {
    StageProgram& stage = program.stages.emplace_back(emptyProgram(schedule, device));
    const PassOrder& order = schedule.orders[static_cast<size_t>(device)];
    CARACAL_CHECK_OK(lowerDevice(deviceShape(profile, graphs, plan, stage), order,
                                 rolesOf(profile.parallel, order), stage));
  }
  return program;
}

}  // namespace caracal::plan
