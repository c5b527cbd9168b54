#include "core/sim/pass_costs.h"

#include <algorithm>
#include <utility>

#include "core/plan/device_lowering.h"
#include "core/plan/overlap_clock.h"
#include "core/sim/figures.h"
#include "core/sim/replay.h"
#include "core/sim/sample_order.h"

namespace caracal::sim {
namespace {

using plan::PassKind;
using plan::PassOrder;
using plan::ScheduledPass;

trace::Pass passOf(PassKind kind) {
  if (kind == PassKind::kForward) return trace::Pass::kForward;
  return kind == PassKind::kWeightGradient ? trace::Pass::kWeight : trace::Pass::kBackward;
}

// Where each pass of the order begins among the items; passes without items begin at the next one.
std::vector<size_t> passBegins(const PassOrder& order, const plan::StageProgram& program) {
  std::vector<size_t> begins;
  size_t item = 0;
  for (const plan::ScheduledPass& pass : order) {
    begins.push_back(item);
    while (item < program.items.size() && program.items[item].pass == passOf(pass.kind) &&
           program.items[item].passMicroBatch == pass.microBatch &&
           program.items[item].chunk == pass.chunk)
      ++item;
  }
  begins.push_back(item);
  return begins;
}

std::vector<plan::Item> itemsOf(const plan::StageProgram& program, size_t begin, size_t end) {
  const auto first = program.items.begin();
  return {first + static_cast<std::ptrdiff_t>(begin), first + static_cast<std::ptrdiff_t>(end)};
}

// The items [begin, end) of a program, with their times.
struct TimedItems {
  plan::StageProgram program;
  StageTimes times;

  TimedItems(const plan::StageProgram& whole, const StageTimes& wholeTimes, size_t begin,
             size_t end) {
    const auto at = [](size_t i) { return static_cast<std::ptrdiff_t>(i); };
    program.chunks = whole.chunks;
    program.items = itemsOf(whole, begin, end);
    times.gradients = wholeTimes.gradients;
    times.items.assign(wholeTimes.items.begin() + at(begin), wholeTimes.items.begin() + at(end));
  }
};

// One pass in one of the sample's replays.
struct PassReplay {
  StageFigures figures;
  int64_t startNs = 0;
  Span span;
  int64_t sendNs = 0;
  std::vector<Span> reductions;

  explicit PassReplay(const TimedItems& part) : figures(figuresOf(part.program, part.times)) {
    const auto& items = part.program.items;
    startNs = part.times.items.front().beginNs;
    span = figures.passes.empty() ? Span{startNs, startNs} : figures.passes.front().span;
    sendNs = span.endNs;
    for (size_t i = 0; i < items.size(); ++i) {
      const ItemTime& time = part.times.items[i];
      if (items[i].action == plan::Action::kSendForward) sendNs = time.beginNs;
      if (items[i].action == plan::Action::kReduceStart)
        reductions.push_back({time.beginNs, time.endNs});
    }
  }
};

// `timed` and `freed`: replays of the pass in which early fetches take their time, and none.
void fillTimes(const PassReplay& timed, const PassReplay& freed, PassCost& cost) {
  const auto moment = [&](int64_t timedNs, int64_t freedNs) {
    return Moment{timedNs - timed.startNs, freedNs - freed.span.beginNs};
  };
  const StageFigures& figures = freed.figures;
  cost.runs = !figures.passes.empty();
  cost.end = moment(timed.span.endNs, freed.span.endNs);
  cost.send = moment(timed.sendNs, freed.sendNs);
  cost.reductions.clear();
  for (size_t i = 0; i < freed.reductions.size(); ++i) {
    cost.reductions.push_back({moment(timed.reductions[i].beginNs, freed.reductions[i].beginNs),
                               freed.reductions[i].lengthNs()});
  }
  cost.pipeNs = freed.span.beginNs - freed.startNs;
  cost.workNs = freed.span.lengthNs() - figures.exposedOffloadNs;
  cost.hiddenNs = figures.hiddenRecomputeNs;
  cost.exposedNs = figures.exposedRecomputeNs - cost.pipeNs;
  cost.busyNs = figures.busyNs;
  cost.pipeBusyNs = figures.pipeRecomputeNs;
}

bool copies(const std::vector<plan::Item>& items) {
  return std::any_of(items.begin(), items.end(), [](const plan::Item& item) {
    return item.action == plan::Action::kOffloadStart || item.action == plan::Action::kFetchStart;
  });
}

bool dependsOnWhatIsBeside(const profile::Profile& profile, const std::vector<plan::Item>& items) {
  if (plan::Contention::of(profile.kappa, profile.rho) == plan::Contention{}) return false;
  return copies(items) || profile.parallel.reducesInBackward();
}

// Any pass that makes weight gradients may be the one that completes them.
std::vector<bool> reducingPasses(const profile::Profile& profile, const PassOrder& order) {
  std::vector<bool> reduces;
  for (const ScheduledPass& pass : order) {
    reduces.push_back(profile.parallel.reducesInBackward() &&
                      (pass.kind == PassKind::kBackward || pass.kind == PassKind::kWeightGradient));
  }
  return reduces;
}

// Lowers and replays the sample, and stores what each of its passes cost.
Result<void> runSample(const profile::Profile& profile, const plan::Plan& plan,
                       const plan::StageProgram& device, const SampleOrder& sample) {
  profile::Profile sized = profile;
  sized.parallel.microBatches = sample.microBatches();
  const plan::ProfileGraphs graphs(sized);
  plan::StageProgram program = device;
  const plan::DeviceShape shape = plan::deviceShape(sized, graphs, plan, program);
  CARACAL_CHECK_OK(plan::lowerDevice(
      shape, sample.order(), {sample.hosted(), reducingPasses(profile, sample.order())}, program));
  const StageTimes timed = replayAlone(shape, program);
  const bool fetches = copies(program.items);
  const StageTimes freed =
      fetches ? replayAlone(shape, program, EarlyFetches::kFree) : StageTimes{};
  const std::vector<size_t> begins = passBegins(sample.order(), program);
  const std::vector<MemoryChange> changes = memoryChangesOf(shape, program, begins);
  for (size_t i = 0; i < sample.order().size(); ++i) {
    PassCost* cost = sample.targets()[i];
    if (cost == nullptr) continue;
    cost->memory = changes[i];
    if (begins[i] == begins[i + 1]) continue;
    const auto replayOf = [&](const StageTimes& times) {
      return PassReplay(TimedItems(program, times, begins[i], begins[i + 1]));
    };
    const PassReplay whole = replayOf(timed);
    fillTimes(whole, fetches ? replayOf(freed) : whole, *cost);
    std::vector<plan::Item> items = itemsOf(program, begins[i], begins[i + 1]);
    cost->copies = copies(items);
    if (dependsOnWhatIsBeside(profile, items)) cost->items = std::move(items);
  }
  return {};
}

}  // namespace

Result<std::vector<ChunkCosts>> passCostsOf(const profile::Profile& profile, const plan::Plan& plan,
                                            const plan::StageProgram& device,
                                            const plan::PassOrder& order) {
  const plan::ProfileGraphs graphs(profile);
  const plan::DeviceShape shape = plan::deviceShape(profile, graphs, plan, device);
  std::vector<ChunkCosts> costs(device.chunks.size());
  for (const Group& group : groupsOf(shape)) {
    const GroupOrder full = groupOrder(order, shape, group);
    const std::vector<uint32_t> lifeOf = livesOf(full, profile.parallel.microBatches);
    const size_t lives = 1 + *std::max_element(lifeOf.begin(), lifeOf.end());
    for (const size_t slot : group) {
      costs[slot].lifeOf = lifeOf;
      costs[slot].lives.resize(lives);
      for (LifeCosts& life : costs[slot].lives) life.forward.resize(1 + lives);
    }
    CARACAL_CHECK_OK(runSample(profile, plan, device, SampleOrder(shape, group, full, costs)));
  }
  return costs;
}

}  // namespace caracal::sim
