#include "core/sim/pass_costs.h"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>
#include <utility>

#include "core/plan/device_lowering.h"
#include "core/sim/figures.h"
#include "core/sim/replay.h"

namespace caracal::sim {
namespace {

using plan::PassKind;
using plan::PassOrder;
using plan::ScheduledPass;

// Chunks of a device that hand tensors over to each other, as slots. What one of them keeps alive
// another may release, so they are looked at together.
using Group = std::vector<size_t>;

std::vector<Group> groupsOf(const plan::DeviceShape& shape) {
  std::vector<Group> groups;
  for (size_t slot = 0; slot < shape.chunks.size(); ++slot) {
    if (groups.empty() || !shape.chunks[slot].inputIsLocal) groups.emplace_back();
    groups.back().push_back(slot);
  }
  return groups;
}

// What happens to a micro-batch on a group: its passes, and where its recomputations are hosted.
struct LifeEvent {
  bool hosted = false;  // in the forward of another micro-batch; else a pass of its own
  PassKind kind = PassKind::kForward;
  int32_t chunk = 0;
  auto operator<=>(const LifeEvent&) const = default;
};
using Life = std::vector<LifeEvent>;

// The passes of one group in the device's order, and what they host.
struct GroupOrder {
  PassOrder order;
  std::vector<int32_t> hosted;  // as hostedMicroBatches()
};

GroupOrder groupOrder(const PassOrder& order, const plan::DeviceShape& shape, const Group& group) {
  const std::vector<int32_t> hosted = plan::hostedMicroBatches(order);
  GroupOrder result;
  for (size_t i = 0; i < order.size(); ++i) {
    const size_t slot = shape.slotOf(order[i].chunk);
    if (std::find(group.begin(), group.end(), slot) == group.end()) continue;
    result.order.push_back(order[i]);
    result.hosted.push_back(hosted[i]);
  }
  return result;
}

// Numbers the lives that occur; returns the one of each micro-batch.
std::vector<uint32_t> livesOf(const GroupOrder& group, int32_t microBatches) {
  std::vector<Life> lives(static_cast<size_t>(microBatches));
  for (size_t i = 0; i < group.order.size(); ++i) {
    const ScheduledPass& pass = group.order[i];
    lives[static_cast<size_t>(pass.microBatch)].push_back({false, pass.kind, pass.chunk});
    if (group.hosted[i] >= 0)
      lives[static_cast<size_t>(group.hosted[i])].push_back({true, pass.kind, pass.chunk});
  }
  std::map<Life, uint32_t> numberOf;
  std::vector<uint32_t> result;
  for (const Life& life : lives)
    result.push_back(numberOf.emplace(life, static_cast<uint32_t>(numberOf.size())).first->second);
  return result;
}

// The group's order thinned out to a few micro-batches among which every kind of pass occurs, and
// where the cost of each pass goes.
class SampleOrder {
 public:
  SampleOrder(const plan::DeviceShape& shape, const Group& group, const GroupOrder& full,
              std::vector<ChunkCosts>& costs)
      : m_shape(shape), m_group(group), m_full(full), m_costs(costs) {
    choose();
    for (size_t i = 0; i < full.order.size(); ++i) take(full.order[i], full.hosted[i]);
  }

  const PassOrder& order() const { return m_order; }
  const std::vector<int32_t>& hosted() const { return m_hosted; }
  const std::vector<PassCost*>& targets() const { return m_targets; }  // nullptr: of no interest
  int32_t microBatches() const { return m_microBatches; }

 private:
  ChunkCosts& costs(int32_t chunk) { return m_costs[m_shape.slotOf(chunk)]; }
  uint32_t lifeOf(int32_t microBatch) const {
    return m_costs[m_group.front()].lifeOf[static_cast<size_t>(microBatch)];
  }

  // The first micro-batches of each life, and of each pair of a forward and what it hides.
  void choose() {
    std::set<std::tuple<int32_t, uint32_t, int64_t>> seen;
    for (size_t i = 0; i < m_full.order.size(); ++i) {
      const ScheduledPass& pass = m_full.order[i];
      if (pass.kind != PassKind::kForward) continue;
      const int32_t guest = m_full.hosted[i];
      const int64_t guestLife = guest < 0 ? -1 : int64_t{lifeOf(guest)};
      if (!seen.insert({pass.chunk, lifeOf(pass.microBatch), guestLife}).second) continue;
      number(pass.microBatch);
      if (guest >= 0) number(guest);
    }
  }
  void number(int32_t microBatch) {
    if (m_numberOf.emplace(microBatch, m_microBatches).second) ++m_microBatches;
  }

  void take(const ScheduledPass& pass, int32_t hosted) {
    const auto taken = m_numberOf.find(pass.microBatch);
    const auto guest = m_numberOf.find(hosted);
    if (taken == m_numberOf.end()) {
      if (guest != m_numberOf.end()) addHost(pass.chunk, guest->second);
      return;
    }
    const bool whole = hosted < 0 || guest != m_numberOf.end();
    add(pass.kind, pass.chunk, taken->second, guest == m_numberOf.end() ? -1 : guest->second,
        whole ? target(pass, hosted) : nullptr);
  }

  PassCost* target(const ScheduledPass& pass, int32_t hosted) {
    LifeCosts& life = costs(pass.chunk).lives[lifeOf(pass.microBatch)];
    if (pass.kind == PassKind::kForward) return &life.forward[hosted < 0 ? 0 : 1 + lifeOf(hosted)];
    return pass.kind == PassKind::kWeightGradient ? &life.weights : &life.backward;
  }

  void add(PassKind kind, int32_t chunk, int32_t microBatch, int32_t hosted, PassCost* target) {
    m_order.push_back({kind, chunk, microBatch});
    m_hosted.push_back(hosted);
    m_targets.push_back(target);
  }

  // In place of a host that was thinned out: a micro-batch that runs through the whole group.
  void addHost(int32_t chunk, int32_t guest) {
    const int32_t host = m_microBatches++;
    for (const size_t slot : m_group) {
      const int32_t at = m_shape.chunks[slot].stage;
      add(PassKind::kForward, at, host, at == chunk ? guest : -1, nullptr);
    }
    for (auto slot = m_group.rbegin(); slot != m_group.rend(); ++slot)
      add(PassKind::kBackward, m_shape.chunks[*slot].stage, host, -1, nullptr);
  }

  const plan::DeviceShape& m_shape;
  const Group& m_group;
  const GroupOrder& m_full;
  std::vector<ChunkCosts>& m_costs;
  std::map<int32_t, int32_t> m_numberOf;  // of the micro-batches that were chosen
  PassOrder m_order;
  std::vector<int32_t> m_hosted;
  std::vector<PassCost*> m_targets;
  int32_t m_microBatches = 0;
};

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

// The items [begin, end) of a program, with their times.
struct TimedItems {
  plan::StageProgram program;
  StageTimes times;

  TimedItems(const plan::StageProgram& whole, const StageTimes& wholeTimes, size_t begin,
             size_t end) {
    const auto at = [](size_t i) { return static_cast<std::ptrdiff_t>(i); };
    program.chunks = whole.chunks;
    program.items.assign(whole.items.begin() + at(begin), whole.items.begin() + at(end));
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

bool offloads(const plan::StageProgram& program) {
  return std::any_of(program.items.begin(), program.items.end(), [](const plan::Item& item) {
    return item.action == plan::Action::kFetchStart;
  });
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
  const bool fetches = offloads(program);
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
