#include "core/planner/heu_search.h"

#include <algorithm>
#include <tuple>
#include <utility>
#include <vector>

#include "core/planner/fate_search.h"
#include "core/planner/heu_problem.h"
#include "core/planner/pending_queue.h"

namespace caracal::planner {
namespace {

using plan::Slot;

class HeuSearch {
 public:
  HeuSearch(const StageModel& model, const StageGaps& gaps, const HeuRequest& request, MixStop stop)
      : m_model(model),
        m_gaps(gaps),
        m_problem(model, gaps),
        m_request(request),
        m_stop(std::move(stop)),
        m_used(m_problem.baseBytes()),
        m_loads(model.shape().profile.kinds.size()),
        m_policies(model.shape().profile.kinds.size()) {
    for (size_t k = 0; k < m_policies.size(); ++k) {
      m_policies[k].assign(model.shape().profile.kinds[k].operators.size(),
                           {plan::PlacementKind::kDiscarded});
      m_slots.emplace_back(m_policies[k].size(), Slot::kNone);
    }
  }

  HeuPolicy run() {
    if (m_request.goal == HeuGoal::kLeastMemory)
      decide(0);
    else if (oneKind())
      searchWindows();
    else
      searchFates();
    m_best.complete = !m_stopped;
    return std::move(m_best);
  }

 private:
  bool oneKind() const {
    const size_t kind = static_cast<size_t>(m_problem.variables().front().kind);
    return m_problem.variables().size() == m_policies[kind].size();
  }

  // Fates first, best bound first; then windows for what they rebuild.
  void searchFates() {
    FateSearch search(m_problem, m_model, m_gaps, m_request.budgetBytes, nullptr, m_stop);
    FateSearch::Found found;
    while (!m_stopped && search.next(m_request.nodeLimit - m_best.nodes, found)) {
      if (m_best.found && Cost{found.bound.objectiveNs, found.bound.recomputeNs} >= bestCost())
        break;
      m_fates = std::move(found.fates);
      tabulate(search.table());
      decide(0);
    }
    m_best.nodes += search.nodes();
    m_stopped |= search.stopped();
  }

  // The same for one kind of layer, where the windows can be searched by cost: best first over
  // fates and their windows alike, so that the first policy that fits is the optimum.
  void searchWindows() {
    WindowCosts costs(m_problem, m_model, m_gaps, m_request.nodeLimit, m_stop);
    FateSearch search(m_problem, m_model, m_gaps, m_request.budgetBytes, &costs, m_stop);
    WindowSearch windows(m_problem, m_model, search.table(), costs, m_request.budgetBytes);
    PendingQueue queue;
    FateSearch::Found next;
    const auto otherNodes = [&] { return costs.nodes() + windows.nodes(); };
    const auto fetch = [&] { return search.next(m_request.nodeLimit - otherNodes(), next); };
    bool more = fetch();
    while (!m_stopped && !m_best.found && !search.stopped() && (more || !queue.empty())) {
      if (more && (queue.empty() || next.bound <= queue.least())) {
        queue.push(windows.open(std::move(next)));
        more = fetch();
        continue;
      }
      m_stopped |= m_stop.requested() || search.nodes() + otherNodes() > m_request.nodeLimit;
      if (m_stopped) break;
      WindowSearch::Pending pending = queue.pop();
      if (windows.advance(pending, m_best) == WindowSearch::Outcome::kNotYet)
        queue.push(std::move(pending));
      m_stopped |= costs.stopped();
    }
    m_best.nodes = search.nodes() + otherNodes();
    m_stopped |= search.stopped();
  }

  // What the fates of the variables from i on take at least.
  void tabulate(const FateTable& table) {
    const auto& variables = m_problem.variables();
    m_bytesFrom.assign(variables.size() + 1, Rows{});
    m_recomputeFrom.assign(variables.size() + 1, 0);
    for (size_t v = variables.size(); v-- > 0;) {
      const Rows& bytes = table[v].bytesOf(m_fates[v]);
      for (size_t row = 0; row < kRowCount; ++row)
        m_bytesFrom[v][row] = m_bytesFrom[v + 1][row] + bytes[row];
      const bool rebuilt = m_fates[v] >= Fate::kEarly;
      m_recomputeFrom[v] =
          m_recomputeFrom[v + 1] + (rebuilt ? variables[v].layers * variables[v].forwardNs : 0);
    }
  }

  // The least memory needs no work before its layer's backward: rebuilt there, a tensor is held for
  // less time; and where what it is made from takes more than it, keeping the tensor takes less.
  static bool asLateAsCanBe(Choice choice) { return slotOf(choice) >= Slot::kOnDemandMlp; }

  bool allowed(size_t variable, Choice choice) const {
    if (m_fates.empty()) return true;
    const bool early = isRecompute(choice) && slotOf(choice) <= Slot::kPipe;
    const Fate fate = choice == Choice::kDiscard  ? Fate::kAbsent
                      : choice == Choice::kRetain ? Fate::kKept
                      : early                     ? Fate::kEarly
                                                  : Fate::kLate;
    return m_fates[variable] == fate || (fate == Fate::kLate && m_fates[variable] > fate);
  }

  int64_t budget() const {
    // Looking for least memory, only what takes less than the best so far is of interest.
    if (m_request.goal == HeuGoal::kLeastMemory && m_best.found) return m_best.peakBytes - 1;
    return m_request.budgetBytes;
  }

  bool mustStop() {
    constexpr int64_t kPollEvery = 1024;
    if (++m_best.nodes > m_request.nodeLimit) m_stopped = true;
    if (m_best.nodes % kPollEvery == 0 && m_stop.requested()) m_stopped = true;
    return m_stopped;
  }

  bool hopeless(size_t next) const {
    if (!m_fates.empty()) return hopelessFates(next);
    int64_t moreNs = 0;
    for (size_t row = 0; row < kRowCount; ++row) {
      const int64_t needed = m_problem.leastRecomputeNs(next, row, m_used[row], budget());
      if (needed == kNoLimit) return true;
      moreNs = std::max(moreNs, needed);
    }
    if (!m_best.found || m_request.goal == HeuGoal::kLeastMemory) return false;
    return Cost{m_problem.leastTimeNs(m_loads, moreNs), m_recomputeNs + moreNs} >= bestCost();
  }

  bool hopelessFates(size_t next) const {
    for (size_t row = 0; row < kRowCount; ++row) {
      if (m_used[row] + m_bytesFrom[next][row] > m_request.budgetBytes) return true;
    }
    const int64_t moreNs = m_recomputeFrom[next];
    return m_best.found &&
           Cost{m_problem.leastTimeNs(m_loads, moreNs), m_recomputeNs + moreNs} >= bestCost();
  }

  // Objective, then recomputation.
  using Cost = std::pair<int64_t, int64_t>;
  Cost bestCost() const { return {m_best.objectiveNs, m_best.recomputeNs}; }

  // When the first and the last recomputation made from a tensor run; kNone: there is none.
  struct Uses {
    Slot first = Slot::kNone;
    Slot last = Slot::kNone;
  };
  Uses usesOf(const Variable& variable) const {
    Uses uses;
    const auto kind = static_cast<size_t>(variable.kind);
    for (int16_t consumer : m_model.shape().graphs.kinds[kind].operators[variable.op].consumers) {
      const Slot slot = m_slots[kind][static_cast<size_t>(consumer)];
      if (slot == Slot::kNone) continue;
      uses.last = uses.last == Slot::kNone ? slot : std::max(uses.last, slot);
      uses.first = std::min(uses.first, slot);
    }
    return uses;
  }

  void decide(size_t next) {
    if (mustStop() || hopeless(next)) return;
    if (next == m_problem.variables().size()) {
      evaluate();
      return;
    }
    const Variable& variable = m_problem.variables()[next];
    const Uses uses = usesOf(variable);
    const Slot deadline = std::min(variable.deadline, uses.first);
    if (deadline == Slot::kNone) {
      choose(next, Choice::kDiscard, uses.last);
      return;
    }
    if (allowed(next, Choice::kRetain)) choose(next, Choice::kRetain, uses.last);
    for (Choice choice : variable.recomputeChoices) {
      if (slotOf(choice) > deadline || !allowed(next, choice)) continue;
      if (m_request.goal == HeuGoal::kLeastMemory && !asLateAsCanBe(choice)) continue;
      // On demand is as late as it can be.
      if (choice == Choice::kOnDemandMlp && deadline == Slot::kOnDemandAttn) continue;
      choose(next, choice, uses.last);
    }
  }

  void choose(size_t next, Choice choice, Slot lastUse) {
    const Variable& variable = m_problem.variables()[next];
    const auto kind = static_cast<size_t>(variable.kind);
    const Rows before = m_used;
    const Rows bytes = m_problem.bytesOf(variable, choice, lastUse);
    for (size_t row = 0; row < kRowCount; ++row) m_used[row] += bytes[row];
    m_policies[kind][static_cast<size_t>(variable.op)] = placementOf(choice);
    m_slots[kind][static_cast<size_t>(variable.op)] = slotOf(choice);
    if (isRecompute(choice)) load(variable, choice, variable.forwardNs);
    decide(next + 1);
    if (isRecompute(choice)) load(variable, choice, -variable.forwardNs);
    m_slots[kind][static_cast<size_t>(variable.op)] = Slot::kNone;
    m_used = before;
  }

  void load(const Variable& variable, Choice choice, int64_t ns) {
    SlotLoad& slot =
        m_loads[static_cast<size_t>(variable.kind)][static_cast<size_t>(slotOf(choice))];
    (variable.collective ? slot.collectiveNs : slot.operatorNs) += ns;
    m_recomputeNs += variable.layers * ns;
  }

  void evaluate() {
    const ResolvedPolicies resolved = m_model.resolve(m_policies);
    const PassTimes times = m_model.passTimes(resolved);
    const int64_t objective = objectiveNs(m_model, m_gaps, times);
    const bool leastTime = m_request.goal == HeuGoal::kLeastTime;
    if (leastTime && m_best.found && Cost{objective, m_recomputeNs} >= bestCost()) return;
    const int64_t peak = m_model.peakBytes(m_policies, resolved);
    if (peak > budget()) return;
    m_best.found = true;
    m_best.policies = m_policies;
    m_best.objectiveNs = objective;
    m_best.recomputeNs = m_recomputeNs;
    m_best.peakBytes = peak;
    m_best.times = times;
  }

  const StageModel& m_model;
  const StageGaps& m_gaps;
  HeuProblem m_problem;
  HeuRequest m_request;
  MixStop m_stop;
  Rows m_used;
  std::vector<KindLoad> m_loads;           // per kind
  KindPolicies m_policies;                 // the partial assignment
  Fates m_fates;                           // what the assignment must keep to; empty: nothing
  std::vector<Rows> m_bytesFrom;           // of the fates of variables from i on, at least
  std::vector<int64_t> m_recomputeFrom;    // per micro-batch
  std::vector<std::vector<Slot>> m_slots;  // of what it rebuilds, per kind and operator
  int64_t m_recomputeNs = 0;               // per micro-batch
  bool m_stopped = false;
  HeuPolicy m_best;
};

}  // namespace

int64_t objectiveNs(const StageModel& model, const StageGaps& gaps, const PassTimes& times) {
  const PassTimes& plain = model.plainTimes();
  return model.steadyCount() * (times.forwardFilledNs - plain.forwardNs) +
         model.microBatches() * (times.backwardNs - plain.backwardNs) +
         gaps.steady.exposedNs(times.pipeNs) + gaps.tail.exposedNs(times.pipeTailNs);
}

StageGaps noGapsOf(const StageModel& model) {
  const auto none = [](int64_t count) {
    return GradientGaps(std::vector<int64_t>(static_cast<size_t>(count), 0));
  };
  return {none(model.steadyCount()), none(model.tailCount())};
}

HeuPolicy searchHeu(const StageModel& model, const StageGaps& gaps, const HeuRequest& request,
                    const MixStop& stop) {
  return HeuSearch(model, gaps, request, stop).run();
}

}  // namespace caracal::planner
