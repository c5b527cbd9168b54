// Peak memory of a stage (StageModel::peakBytes): the phases of its layers in the order of 1F1B.
#include <algorithm>

#include "core/planner/layer_timeline.h"
#include "core/planner/stage_model.h"

namespace caracal::planner {
namespace {

using Timelines = std::vector<LayerTimeline>;  // per layer class

// Bytes over time while phases follow each other.
class Gauge {
 public:
  explicit Gauge(int64_t startBytes) : m_now(startBytes), m_peak(startBytes) {}
  void add(const PhaseBytes& phase) {
    m_peak = std::max(m_peak, m_now + phase.peak);
    m_now += phase.net;
  }
  void hold(int64_t bytes) { add({bytes, bytes}); }
  void release(int64_t bytes) { m_now -= bytes; }
  int64_t now() const { return m_now; }
  int64_t peak() const { return m_peak; }

 private:
  int64_t m_now;
  int64_t m_peak;
};

// One micro-batch's passes over the stage's layers, bottom first.
class StagePasses {
 public:
  StagePasses(const plan::StageShape& shape, const std::vector<uint32_t>& classOf)
      : m_shape(shape), m_classOf(classOf) {
    m_inputBytes = shape.profile.kindOf(shape.firstLayer()).inputBytes;
    if (shape.isFirst())
      m_first = firstEndTimeline(shape.profile.first, shape.graphs.first, m_inputBytes);
    if (shape.isLast()) m_last = lastEndTimeline(shape.profile.last, shape.graphs.last);
  }

  // Forward of one micro-batch; `filled` recomputes for another in the windows.
  void forward(const Timelines& own, const Timelines* filled, Gauge& gauge) const {
    if (m_shape.isFirst())
      gauge.add(m_first.forward);
    else
      gauge.hold(m_inputBytes);
    for (const uint32_t c : m_classOf) {
      gauge.add(own[c][Phase::kForward0]);
      if (filled != nullptr) gauge.add((*filled)[c][Phase::kFwdAttn]);
      gauge.add(own[c][Phase::kForward1]);
      if (filled != nullptr) gauge.add((*filled)[c][Phase::kFwdMlp]);
      gauge.add(own[c][Phase::kForward2]);
    }
    if (!outputOutlivesForward()) gauge.release(own[m_classOf.back()].outputBytes);
    if (m_shape.isLast()) gauge.add(m_last.forward);
  }

  void backward(const Timelines& own, Gauge& gauge) const {
    for (auto c = m_classOf.rbegin(); c != m_classOf.rend(); ++c) gauge.add(own[*c][Phase::kPipe]);
    if (m_shape.isLast()) gauge.add(m_last.backward);
    if (outputOutlivesForward()) gauge.release(own[m_classOf.back()].outputBytes);
    for (size_t l = m_classOf.size(); l-- > 0;) {
      const LayerTimeline& layer = own[m_classOf[l]];
      const LayerTimeline* below = l > 0 ? &own[m_classOf[l - 1]] : nullptr;
      const int64_t inputBytes = below != nullptr ? below->outputBytes : m_inputBytes;
      const auto segment = [&](Phase phase) {
        gauge.add(layer[phase]);
        if (layer.lastBackward == phase) gauge.release(inputBytes);
      };
      segment(Phase::kBackwardMlp);
      gauge.add(layer[Phase::kOwnBwdMlp]);
      if (below != nullptr) gauge.add((*below)[Phase::kPrevBwdMlp]);
      segment(Phase::kBackwardAttn0);
      if (below != nullptr) gauge.add((*below)[Phase::kPrevBwdAttn]);
      segment(Phase::kBackwardAttn1);
    }
    if (m_shape.isFirst()) gauge.add(m_first.backward);
  }

 private:
  // The last stage's output is read by the head until its backward is done; others send theirs.
  bool outputOutlivesForward() const { return m_shape.isLast() && m_shape.graphs.last.size() > 0; }

  const plan::StageShape& m_shape;
  const std::vector<uint32_t>& m_classOf;
  int64_t m_inputBytes = 0;
  EndTimeline m_first, m_last;
};

}  // namespace

// The first backward and the forward before it see the most micro-batches in flight; of the
// cool-down the first backward does, and its `pipe` work is more.
int64_t StageModel::peakBytes(const KindPolicies& policies,
                              const ResolvedPolicies& resolved) const {
  Timelines steady, tail;
  for (size_t c = 0; c < m_classes.size(); ++c) {
    const auto kind = static_cast<size_t>(m_classes[c].kind);
    const auto timeline = [&](const std::vector<plan::Slot>& slots) {
      // Most layers do the same at the same time: look among those that are known.
      for (size_t known = 0; known < tail.size(); ++known) {
        if (m_classes[known].kind != m_classes[c].kind) continue;
        if (resolved.tail[known] == slots) return tail[known];
        if (known < steady.size() && resolved.steady[known] == slots) return steady[known];
      }
      return layerTimeline(m_shape.profile.kinds[kind], m_shape.graphs.kinds[kind], slots,
                           policies[kind]);
    };
    tail.push_back(timeline(resolved.tail[c]));
    steady.push_back(timeline(resolved.steady[c]));
  }
  const StagePasses passes(m_shape, m_classOf);
  Gauge kept(0);
  passes.forward(tail, nullptr, kept);
  const int64_t others = m_baseBytes + (inFlight() - 1) * kept.now();
  Gauge cycle(others);
  passes.forward(steady, steadyCount() > 0 ? &steady : nullptr, cycle);
  passes.backward(steady, cycle);
  if (steadyCount() == 0) return cycle.peak();
  Gauge coolDown(others);
  passes.backward(tail, coolDown);
  return std::max(cycle.peak(), coolDown.peak());
}

}  // namespace caracal::planner
