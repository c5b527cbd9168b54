#include "core/sim/folded_replay.h"

#include <algorithm>
#include <utility>

#include "core/plan/device_lowering.h"
#include "core/plan/schedule.h"
#include "core/sim/folded_device.h"
#include "core/sim/pass_costs.h"

namespace caracal::sim {
namespace {

// Everything that the devices refer to.
struct Setup {
  std::vector<plan::DeviceShape> shapes;
  std::vector<std::vector<ChunkCosts>> costs;
};

std::string waitingPasses(const std::vector<FoldedDevice>& devices) {
  std::string text;
  for (size_t d = 0; d < devices.size(); ++d) {
    if (!devices[d].done()) text += fmt::format(" stage {} at pass {}", d, devices[d].position());
  }
  return text;
}

}  // namespace

Result<FoldedReplay> foldedReplay(const profile::Profile& profile, const plan::Plan& plan,
                                  std::stop_token stop) {
  CARACAL_TRY(schedule, plan::makeSchedule(plan.schedule, profile.parallel.pipeline,
                                           profile.parallel.microBatches));
  CARACAL_CHECK_OK(plan::checkChunks(schedule, plan));
  const plan::ProfileGraphs graphs(profile);
  FoldedReplay result;
  Setup setup;
  for (int32_t d = 0; d < schedule.devices; ++d) {
    if (stop.stop_requested()) return fail(ErrorCode::kCancelled, "simulation cancelled");
    FoldedStage& stage = result.stages.emplace_back();
    stage.held = plan::emptyProgram(schedule, d);
    setup.shapes.push_back(plan::deviceShape(profile, graphs, plan, stage.held));
    CARACAL_TRY(costs,
                passCostsOf(profile, plan, stage.held, schedule.orders[static_cast<size_t>(d)]));
    setup.costs.push_back(std::move(costs));
  }
  const OperatorTimes operators(profile);
  const plan::Contention contention = plan::Contention::of(profile.kappa, profile.rho);
  std::vector<FoldedDevice> devices;
  devices.reserve(setup.shapes.size());
  for (size_t d = 0; d < setup.shapes.size(); ++d)
    devices.emplace_back(setup.shapes[d], schedule.orders[d], setup.costs[d], operators, contention,
                         result.stages[d]);
  SharedPorts ports(profile, devices.size());
  for (FoldedDevice& device : devices) device.connect(devices, ports);
  for (bool progress = true; progress;) {
    if (stop.stop_requested()) return fail(ErrorCode::kCancelled, "simulation cancelled");
    progress = false;
    for (FoldedDevice& device : devices) progress |= device.advance();
    if (!progress) progress = ports.completeNext();
  }
  for (FoldedDevice& device : devices) {
    if (!device.done()) {
      return fail(ErrorCode::kInvalidInput, "the schedule waits for itself:{} (please report this)",
                  waitingPasses(devices));
    }
    result.stepNs = std::max(result.stepNs, device.endNs());
  }
  return result;
}

}  // namespace caracal::sim
