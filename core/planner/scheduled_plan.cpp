#include "core/planner/scheduled_plan.h"

#include <algorithm>
#include <functional>
#include <optional>
#include <utility>
#include <vector>

#include "core/planner/baselines.h"
#include "core/planner/checkmate.h"
#include "core/planner/heu_choice.h"
#include "core/planner/mixed_plan.h"
#include "core/planner/schedule_model.h"

namespace caracal::planner {
namespace {

// What a policy makes of one chunk under a budget of its own; what needs least memory where nothing
// fits.
using ChooseChunk = std::function<StageChoice(size_t chunk, int64_t budgetBytes)>;

// A choice for every chunk, and what the simulator makes of them.
struct Trial {
  std::vector<StageChoice> chunks;
  Candidate candidate;
};

// Shares out the memory of devices among chunks: finds for every group the largest fraction of the
// way from its chunks' least to their most memory under which the simulated peaks keep the budget.
// Checkmate, whose choices are found at once, says what the least and the most are, where other
// policies begin to look, and what stands where they find nothing.
class MemorySharing {
 public:
  MemorySharing(const profile::Profile& profile, const plan::Plan& skeleton,
                const ScheduleModel& model, MixStop stop)
      : m_profile(profile),
        m_skeleton(skeleton),
        m_model(model),
        m_budgetBytes(skeleton.stages.front().budgetBytes),
        m_stop(std::move(stop)),
        m_ranges(model.groups().size()) {}

  // Infeasible when not even the least memory fits. Must come first.
  Result<Trial> shareByCheckmate() {
    constexpr int kHalvings = 10;
    const CheckmatePolicy checkmate(m_profile);
    const ChooseChunk choose = [&](size_t chunk, int64_t budgetBytes) {
      return checkmate.solve(m_model.chunk(chunk), budgetBytes, m_stop.token);
    };
    m_most = everyChunk(choose, kNoLimit);
    CARACAL_TRY(most, simulated(m_most));
    if (most.candidate.feasible()) return std::move(most);
    m_least = everyChunk(choose, 0);
    CARACAL_TRY(least, simulated(m_least));
    if (!least.candidate.feasible()) return std::move(least);
    m_base = m_least;
    keepWhatFits(most, m_ranges, m_base);
    CARACAL_CHECK_OK(halve(choose, kHalvings, m_ranges, m_base));
    return simulated(m_base);
  }

  // REQUIRES that checkmate's plan fits and recomputes something.
  Result<Trial> share(const ChooseChunk& choose) const {
    constexpr int kHalvings = 3;
    constexpr double kReach = 1.0 / 32;
    std::vector<Range> ranges = m_ranges;
    std::vector<StageChoice> best = m_base;
    for (Range& range : ranges) {
      if (!range.open()) continue;
      range.tried = range.fits;
      range = {std::max(0.0, range.fits - kReach), std::min(1.0, range.fits + kReach), range.fits};
    }
    CARACAL_TRY(first, trialOf(choose, ranges, best));
    keepWhatFits(first, ranges, best);
    CARACAL_CHECK_OK(halve(choose, kHalvings, ranges, best));
    return simulated(std::move(best));
  }

 private:
  // Fractions for the chunks of a group.
  struct Range {
    double fits = 0, exceeds = 1;
    double tried = 1;
    bool open() const { return fits < 1; }
  };

  Result<void> halve(const ChooseChunk& choose, int times, std::vector<Range>& ranges,
                     std::vector<StageChoice>& best) const {
    for (int step = 0; step < times && !m_stop.requested(); ++step) {
      for (Range& range : ranges) range.tried = (range.fits + range.exceeds) / 2;
      CARACAL_TRY(trial, trialOf(choose, ranges, best));
      keepWhatFits(trial, ranges, best);
    }
    return {};
  }

  // Other choices than the best known for the chunks of open groups.
  Result<Trial> trialOf(const ChooseChunk& choose, const std::vector<Range>& ranges,
                        const std::vector<StageChoice>& best) const {
    std::vector<StageChoice> chunks = best;
    for (size_t g = 0; g < ranges.size(); ++g) {
      if (!ranges[g].open()) continue;
      for (const size_t c : m_model.groups()[g].chunks)
        chunks[c] = choose(c, bytesAt(ranges[g].tried, c));
    }
    return simulated(std::move(chunks));
  }

  int64_t bytesAt(double fraction, size_t chunk) const {
    const int64_t least = m_least[chunk].peakBytes;
    return least +
           static_cast<int64_t>(fraction * static_cast<double>(m_most[chunk].peakBytes - least));
  }

  void keepWhatFits(const Trial& trial, std::vector<Range>& ranges,
                    std::vector<StageChoice>& best) const {
    for (size_t g = 0; g < ranges.size(); ++g) {
      if (!ranges[g].open()) continue;
      const MemoryGroup& group = m_model.groups()[g];
      const bool fits = std::all_of(group.devices.begin(), group.devices.end(), [&](size_t device) {
        return trial.candidate.peakBytes[device] <= m_budgetBytes;
      });
      (fits ? ranges[g].fits : ranges[g].exceeds) = ranges[g].tried;
      if (!fits) continue;
      for (const size_t c : group.chunks) best[c] = trial.chunks[c];
    }
  }

  std::vector<StageChoice> everyChunk(const ChooseChunk& choose, int64_t budgetBytes) const {
    std::vector<StageChoice> chunks;
    for (size_t c = 0; c < m_model.chunks(); ++c) chunks.push_back(choose(c, budgetBytes));
    return chunks;
  }

  Result<Trial> simulated(std::vector<StageChoice> chunks) const {
    if (m_stop.token.stop_requested()) return fail(ErrorCode::kCancelled, "planning cancelled");
    plan::Plan plan = m_skeleton;
    for (size_t c = 0; c < chunks.size(); ++c) plan.stages[c].layers = chunks[c].layers;
    CARACAL_TRY(candidate, simulatedCandidate(m_profile, std::move(plan), m_stop.token));
    return Trial{std::move(chunks), std::move(candidate)};
  }

  const profile::Profile& m_profile;
  const plan::Plan& m_skeleton;
  const ScheduleModel& m_model;
  int64_t m_budgetBytes;
  MixStop m_stop;
  std::vector<StageChoice> m_least, m_most, m_base;  // checkmate's; the base fits
  std::vector<Range> m_ranges;                       // checkmate's
};

class ScheduledPlanner {
 public:
  ScheduledPlanner(const profile::Profile& profile, const plan::Plan& skeleton,
                   const ScheduleModel& model, MixStop stop)
      : m_profile(profile),
        m_skeleton(skeleton),
        m_model(model),
        m_stop(std::move(stop)),
        m_sharing(profile, skeleton, model, m_stop) {}

  Result<Candidate> run(ChunkPolicy policy) {
    const Result<void> searched = search(policy);
    const bool stopped = !searched && searched.error().code == ErrorCode::kCancelled;
    if (!searched && !stopped) return tl::unexpected(searched.error());
    CARACAL_CHECK_OK(considerBaselines());
    if (stopped && !m_best->feasible()) return stoppedWithoutPlan();
    return finished();
  }

 private:
  // kCancelled: m_best is what was found until then, if anything was.
  Result<void> search(ChunkPolicy policy) {
    CARACAL_TRY(base, m_sharing.shareByCheckmate());
    keepBetter(std::move(base.candidate));
    if (policy != ChunkPolicy::kCheckmate && improvable()) CARACAL_CHECK_OK(considerHeu());
    if (policy != ChunkPolicy::kHeuPlus || !improvable()) return {};
    return consider(
        [&](size_t chunk, int64_t budgetBytes) { return mixedChoice(chunk, budgetBytes); });
  }

  // Nothing is shorter than a step without recomputation, and time ends.
  bool improvable() const {
    return !m_stop.requested() && m_best->feasible() && m_best->stepNs > m_model.plainStepNs();
  }

  Result<void> considerHeu() {
    CARACAL_CHECK_OK(consider([&](size_t chunk, int64_t budgetBytes) {
      return heuChoice(m_model.chunk(chunk), m_model.gaps(chunk), budgetBytes, m_stop);
    }));
    if (!improvable()) return {};
    return consider([&](size_t chunk, int64_t budgetBytes) {
      return heuChoice(m_model.chunk(chunk), m_model.noGaps(chunk), budgetBytes, m_stop);
    });
  }

  StageChoice mixedChoice(size_t chunk, int64_t budgetBytes) const {
    const StageModel& model = m_model.chunk(chunk);
    const StageGaps& gaps = m_model.gaps(chunk);
    StageChoice heu = heuChoice(model, gaps, budgetBytes, m_stop);
    if (!heu.fits || budgetBytes == kNoLimit) return heu;
    return mixStage(model, gaps, budgetBytes, heu.layers, kQuickMix, m_stop);
  }

  Result<void> consider(const ChooseChunk& choose) {
    CARACAL_TRY(trial, m_sharing.share(choose));
    keepBetter(std::move(trial.candidate));
    return {};
  }

  Result<void> considerBaselines() {
    for (const BaselineKind kind : {BaselineKind::kFull, BaselineKind::kSelective}) {
      CARACAL_TRY(candidate, baselineCandidate(m_profile, {kind}, m_skeleton));
      if (m_best && m_best->feasible() && candidate.feasible() && candidate.stepNs < m_best->stepNs)
        candidate.notes.push_back("a plain baseline makes the step shorter than what was found");
      keepBetter(std::move(candidate));
    }
    return {};
  }

  void keepBetter(Candidate candidate) {
    if (!m_best) {
      m_best = std::move(candidate);
      return;
    }
    const int64_t budgetBytes = m_skeleton.stages.front().budgetBytes;
    const auto value = [&](const Candidate& c) {
      return std::pair(c.excessBytes(budgetBytes), c.stepNs);
    };
    if (value(candidate) < value(*m_best)) m_best = std::move(candidate);
  }

  Candidate finished() {
    Candidate candidate = std::move(*m_best);
    if (candidate.feasible()) {
      candidate.boundNs = m_model.plainStepNs();
      if (candidate.stepNs == candidate.boundNs)
        candidate.status = PlanStatus::kOptimal;
      else if (m_stop.requested())
        endedEarly(m_stop, candidate);
    } else {
      candidate.notes.push_back(fmt::format(
          "{} is planned chunk by chunk; the smallest budget is one that suffices, less may do",
          m_skeleton.schedule));
    }
    return candidate;
  }

  const profile::Profile& m_profile;
  const plan::Plan& m_skeleton;
  const ScheduleModel& m_model;
  MixStop m_stop;
  MemorySharing m_sharing;
  std::optional<Candidate> m_best;
};

}  // namespace

Result<Candidate> scheduledCandidate(const profile::Profile& profile, const plan::Plan& skeleton,
                                     ChunkPolicy policy, const MixStop& stop) {
  CARACAL_TRY(model, ScheduleModel::of(profile, skeleton, {}));
  return ScheduledPlanner(profile, skeleton, *model, stop).run(policy);
}

}  // namespace caracal::planner
