#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "core/base/statistics.h"
#include "core/profile/model_structure.h"
#include "core/profile/profile_from_trace.h"
#include "core/profile/recorded_meta.h"
#include "core/profile/recorded_times.h"

namespace caracal::profile {
namespace {

using trace::Pass;
using trace::Trace;

// Steps from the second on when there are several: the first pays for cold caches and page faults.
int32_t firstCountedStep(const analysis::StepModel& model) {
  std::set<int32_t> steps;
  for (const analysis::StepSummary& step : model.steps) steps.insert(step.step);
  return steps.size() > 1 ? *std::next(steps.begin()) : (steps.empty() ? 0 : *steps.begin());
}

// The steps from `firstStep` on that are neither of the fastest quarter nor of the slowest: the
// median step is one of them, and what is typical of it is their mean.
std::set<int32_t> typicalSteps(const analysis::StepModel& model, int32_t firstStep) {
  std::map<int32_t, int64_t> stepNs;
  for (const analysis::StepSummary& step : model.steps) {
    if (step.step >= firstStep) stepNs[step.step] = std::max(stepNs[step.step], step.stepNs);
  }
  std::vector<std::pair<int64_t, int32_t>> byTime;
  for (const auto& [step, ns] : stepNs) byTime.emplace_back(ns, step);
  std::sort(byTime.begin(), byTime.end());
  const size_t quarter = byTime.size() / 4;
  std::set<int32_t> steps;
  for (size_t i = quarter; i + quarter < byTime.size(); ++i) steps.insert(byTime[i].second);
  return steps;
}

// A backend may hold the embedding and the head whole on every tensor rank, or sharded: the size of
// the logits that it recorded tells which.
Result<ModelStructure> structureOfEnds(const ModelDescription& description,
                                       const RecordedTimes& times) {
  const auto head = times.operators.find({Place::kLast, "head", Pass::kForward});
  if (head == times.operators.end() || head->second.bytes < 0) return structureOf(description);
  CARACAL_TRY(structure, structureWithWholeEnds(description));
  for (const Operator& op : structure.last.end.operators) {
    if (op.id == "head" && op.outputBytes == head->second.bytes) return std::move(structure);
  }
  return structureOf(description);
}

class RecordingProfiler {
 public:
  RecordingProfiler(const Trace& trace, const analysis::StepModel& model,
                    ModelDescription description)
      : m_trace(trace),
        m_model(model),
        m_description(std::move(description)),
        m_partition(partitionOf(trace, m_description)),
        m_lastStage(static_cast<size_t>(
            metaNumber<int64_t>(trace, "lastEndStage", m_description.parallel.pipeline - 1))),
        m_firstStep(firstCountedStep(model)),
        m_times(gatherRecordedTimes(trace, m_firstStep, typicalSteps(model, m_firstStep))) {}

  Result<Profile> run() && {
    describeSource();
    CARACAL_CHECK_OK(timeLayers());
    CARACAL_TRY(ends, structureOfEnds(m_description, m_times));
    m_profile.first = std::move(ends.first.end);
    m_profile.last = std::move(ends.last.end);
    CARACAL_CHECK_OK(timeOperators(Place::kFirst, m_profile.first.operators));
    CARACAL_CHECK_OK(timeOperators(Place::kLast, m_profile.last.operators));
    shareStaticBytes();
    addClosingTransfers();
    shareOncePerStep(m_times.optimizerNs, &LayerKind::optimizerNs, &ModelEnd::optimizerNs);
    timeReductions();
    fillLinks();
    m_profile.memory.reserveBytes = m_description.reserveBytes;
    m_profile.memory.workspaceBytes = metaNumber<int64_t>(m_trace, "workspaceBytes", 0);
    observeStages();
    return std::move(m_profile);
  }

 private:
  LayerKind& kind() { return m_profile.kinds.front(); }

  void describeSource() {
    m_profile.name = m_description.name;
    m_profile.source = m_trace.ranks().empty() ? "" : m_trace.ranks().front().file;
    m_profile.hardware = m_trace.metaOr("hardware", "unknown");
    m_profile.tag = m_profile.stageTag = m_trace.tag();
    m_profile.model = m_description.shape;
    m_profile.parallel = m_description.parallel;
    m_profile.schedule = m_trace.metaOr("schedule", m_model.schedule);
    m_profile.observedPlan = m_trace.metaOr("policy", "");
  }

  Result<void> timeOperators(Place place, std::vector<Operator>& operators) const {
    for (Operator& op : operators) {
      if (op.kind == OperatorKind::kCollective) {
        op.forwardNs = m_times.collectiveNs(op.id);  // of a layer: its window's, later
        continue;
      }
      const OperatorKey forward{place, op.id, Pass::kForward};
      const OperatorKey backward{place, op.id, Pass::kBackward};
      if (m_times.operators.count(forward) == 0 || m_times.operators.count(backward) == 0) {
        return fail(
            ErrorCode::kCannotAnswer,
            "the recording holds no {} of operator \"{}\"; record at least one whole step with "
            "all ranks",
            m_times.operators.count(forward) == 0 ? "forward" : "backward", op.id);
      }
      op.forwardNs = m_times.operatorNs(forward);
      op.backwardNs = m_times.operatorNs(backward);
      const OperatorKey weights{place, op.id, Pass::kWeight};
      if (m_times.operators.count(weights) == 0) continue;
      op.weightNs = m_times.operatorNs(weights);  // recorded apart from the input gradient
      op.backwardNs += *op.weightNs;
    }
    return {};
  }

  Result<void> timeLayers() {
    CARACAL_TRY(structure, structureOf(m_description));
    if (structure.kinds.size() > 1) {
      return fail(ErrorCode::kUnsupported,
                  "the recording's model has {} kinds of layers; only recordings of equal layers "
                  "can be profiled",
                  structure.kinds.size());
    }
    m_profile.kinds.push_back(std::move(structure.kinds.front().kind));
    m_profile.layers = std::move(structure.layers);
    CARACAL_CHECK_OK(timeOperators(Place::kLayer, kind().operators));
    for (Window& window : kind().windows) {
      const auto recorded = m_times.collectives.find(window.id);
      if (recorded == m_times.collectives.end()) {
        return fail(ErrorCode::kCannotAnswer, "the recording holds no collective \"{}\"",
                    window.id);
      }
      window.transferNs = m_times.collectiveNs(window.id);
      if (recorded->second.bytes >= 0) window.bytes = recorded->second.bytes;
      const int collective = kind().indexOf(window.after);
      if (collective < 0) continue;
      Operator& op = kind().operators[static_cast<size_t>(collective)];
      if (op.kind == OperatorKind::kCollective) op.forwardNs = window.transferNs;
    }
    return {};
  }

  // The model ends hold what a stage's static memory has beyond its layers.
  void shareStaticBytes() {
    const auto beyondLayers = [&](size_t stage, int64_t fallback) {
      const auto bytes = metaNumber<int64_t>(m_trace, "staticBytes." + std::to_string(stage), -1) -
                         m_partition[stage] * kind().staticBytes;
      return bytes >= 0 ? bytes : fallback;
    };
    if (m_lastStage == 0) {
      // Both ends on one stage: the description's shares, scaled to the recorded sum.
      const int64_t described = m_profile.first.staticBytes + m_profile.last.staticBytes;
      m_profile.last.staticBytes += beyondLayers(0, described) - described;
      return;
    }
    m_profile.first.staticBytes = beyondLayers(0, m_profile.first.staticBytes);
    m_profile.last.staticBytes = beyondLayers(m_lastStage, m_profile.last.staticBytes);
  }

  int64_t staticBytesOf(size_t stage) const {
    int64_t bytes = m_partition[stage] * m_profile.kinds.front().staticBytes;
    if (stage == 0) bytes += m_profile.first.staticBytes;
    if (stage == m_lastStage) bytes += m_profile.last.staticBytes;
    return bytes;
  }

  // Optimizer and gradient reduction take time by parameters: a layer gets the median share over
  // the stages, the ends what remains of their stages.
  void shareOncePerStep(const std::map<int32_t, std::vector<int64_t>>& samples,
                        int64_t LayerKind::*ofLayer, int64_t ModelEnd::*ofEnd) {
    std::vector<int64_t> perLayer;
    for (const auto& [stage, durations] : samples) {
      const auto at = static_cast<size_t>(stage);
      if (at >= m_partition.size() || staticBytesOf(at) <= 0) continue;
      const double share =
          static_cast<double>(kind().staticBytes) / static_cast<double>(staticBytesOf(at));
      perLayer.push_back(std::llround(static_cast<double>(median(durations)) * share));
    }
    if (perLayer.empty()) return;
    kind().*ofLayer = median(perLayer);
    const auto remainderOf = [&](size_t stage) -> int64_t {
      const auto found = samples.find(static_cast<int32_t>(stage));
      if (found == samples.end()) return 0;
      return std::max<int64_t>(0, median(found->second) - m_partition[stage] * (kind().*ofLayer));
    };
    m_profile.last.*ofEnd = remainderOf(m_lastStage);
    if (m_lastStage > 0) m_profile.first.*ofEnd = remainderOf(0);
  }

  // The update of the weights ends when what it moves has arrived.
  void addClosingTransfers() {
    for (auto& [stage, samples] : m_times.optimizerNs) {
      const auto closing = m_times.closingNs.find(stage);
      if (closing == m_times.closingNs.end()) continue;
      const int64_t movingNs = median(closing->second);
      for (int64_t& ns : samples) ns += movingNs;
    }
  }

  // Whether each layer was reduced by itself, rather than several in one bucket.
  bool reducesEachLayer() const {
    const auto found = m_times.reductionsPerStep.find(0);
    const int32_t ends = m_lastStage == 0 ? 2 : 1;
    return found != m_times.reductionsPerStep.end() && found->second >= m_partition[0] + ends;
  }

  // A run that reduces gradients beside backward shows each layer's own reduction.
  void timeReductions() {
    const auto& byPlace = m_times.layerReductionsNs;
    if (byPlace.empty() || !reducesEachLayer()) {
      return shareOncePerStep(m_times.reductionsNs, &LayerKind::gradientReduceNs,
                              &ModelEnd::gradientReduceNs);
    }
    const auto medianAt = [&](Place place) {
      const auto found = byPlace.find(place);
      return found == byPlace.end() ? 0 : median(found->second);
    };
    m_profile.first.gradientReduceNs = medianAt(Place::kFirst);
    kind().gradientReduceNs = medianAt(Place::kLayer);
    m_profile.last.gradientReduceNs = medianAt(Place::kLast);
  }

  void fillLinks() {
    m_profile.sendForwardNs = m_times.transferNs("recv.fwd");
    m_profile.sendBackwardNs = m_times.transferNs("recv.bwd");
    m_profile.sendBytes = m_description.parallel.pipeline > 1 ? kind().inputBytes : 0;
    m_profile.tensorLink = metaLink(m_trace, "tensor");
    m_profile.pipelineLink = metaLink(m_trace, "pipeline");
    m_profile.dataLink = metaLink(m_trace, "data");
  }

  void observeStages() {
    std::vector<int64_t> stepsNs;
    for (const analysis::StepSummary& step : m_model.steps) {
      if (step.step >= m_firstStep) stepsNs.push_back(step.stepNs);
    }
    m_profile.observedStepNs = median(stepsNs);
    for (int32_t stage = 0; stage < static_cast<int32_t>(m_partition.size()); ++stage) {
      std::vector<int64_t> forward;
      std::vector<int64_t> backward;
      for (const analysis::StageStep& s : m_model.stageSteps) {
        if (s.stage != stage || s.step < m_firstStep) continue;
        for (const analysis::PassSpan& pass : s.passes) {
          if (pass.pass == Pass::kForward) forward.push_back(pass.span.lengthNs());
          if (pass.pass == Pass::kBackward) backward.push_back(pass.span.lengthNs());
        }
      }
      const auto peak = m_times.peakBytes.find(stage);
      m_profile.observed.push_back({stage, m_partition[static_cast<size_t>(stage)], median(forward),
                                    median(backward),
                                    peak == m_times.peakBytes.end() ? 0 : peak->second});
    }
  }

  const Trace& m_trace;
  const analysis::StepModel& m_model;
  ModelDescription m_description;
  std::vector<int32_t> m_partition;
  size_t m_lastStage;  // that holds the last end of the model
  int32_t m_firstStep;
  RecordedTimes m_times;
  Profile m_profile;
};

}  // namespace

Result<Profile> profileFromRecording(const Trace& trace, const analysis::StepModel& model) {
  const std::string document = trace.metaOr("model", "");
  if (document.empty()) {
    return fail(ErrorCode::kCannotAnswer,
                "no model description in the trace: only recordings of caracal-run can be profiled "
                "without one. Kernels tell times, not bytes and sizes; pass --model FILE");
  }
  auto description = modelFromJson(document);
  if (!description)
    return tl::unexpected(at(description.error(), "model description of the recording"));
  return RecordingProfiler(trace, model, std::move(*description)).run();
}

}  // namespace caracal::profile
