// Peak memory of a stage (StageModel::peakBytes): the phases of its layers in the order of 1F1B.
#include <algorithm>
#include <utility>

#include "core/planner/layer_timeline.h"
#include "core/planner/stage_model.h"

namespace caracal::planner {
namespace {

using Timelines = std::vector<const LayerTimeline*>;  // per layer, bottom first

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
  // All must outlive this.
  StagePasses(const plan::StageShape& shape, const EndTimeline& first, const EndTimeline& last)
      : m_shape(shape),
        m_inputBytes(shape.profile.kindOf(shape.firstLayer()).inputBytes),
        m_first(first),
        m_last(last) {}

  // Forward of one micro-batch; `filled` recomputes for another in the windows.
  void forward(const Timelines& own, const Timelines* filled, Gauge& gauge) const {
    if (m_shape.isFirst())
      gauge.add(m_first.forward);
    else
      gauge.hold(m_inputBytes);
    for (size_t l = 0; l < own.size(); ++l) {
      const size_t windows = own[l]->forwardWindows();
      for (size_t window = 0; window < windows; ++window) {
        gauge.add(own[l]->forward(window));
        if (filled != nullptr) gauge.add((*filled)[l]->besideForward(window));
      }
      gauge.add(own[l]->forward(windows));
    }
    if (!outputOutlivesForward()) gauge.release(own.back()->outputBytes);
    if (m_shape.isLast()) gauge.add(m_last.forward);
  }

  void pipe(const Timelines& own, Gauge& gauge) const {
    for (size_t l = own.size(); l-- > 0;) gauge.add(own[l]->pipe());
  }

  // What follows the arrival of the gradient, up to the backward of the top layer.
  void beforeLayers(const Timelines& own, Gauge& gauge) const {
    if (m_shape.isLast()) gauge.add(m_last.backward);
    if (outputOutlivesForward()) gauge.release(own.back()->outputBytes);
  }
  void layersBackward(const Timelines& own, Gauge& gauge) const {
    for (size_t l = own.size(); l-- > 0;) layerBackward(own, l, gauge);
    if (m_shape.isFirst()) gauge.add(m_first.backward);
  }

 private:
  void layerBackward(const Timelines& own, size_t l, Gauge& gauge) const {
    const LayerTimeline& layer = *own[l];
    const LayerTimeline* below = l > 0 ? own[l - 1] : nullptr;
    const int64_t inputBytes = below != nullptr ? below->outputBytes : m_inputBytes;
    for (size_t piece = 0; piece <= layer.backwardWindows(); ++piece) {
      gauge.add(layer.backward(piece));
      if (layer.lastBackward == piece) gauge.release(inputBytes);
      if (piece == layer.backwardWindows()) break;
      if (layer.ownWindow == piece) gauge.add(layer.own());
      if (below != nullptr) gauge.add(below->besideAbove(piece));
    }
  }

  // The last stage's output is read by the head until its backward is done; others send theirs.
  bool outputOutlivesForward() const { return m_shape.isLast() && m_shape.graphs.last.size() > 0; }

  const plan::StageShape& m_shape;
  int64_t m_inputBytes;
  const EndTimeline& m_first;
  const EndTimeline& m_last;
};

}  // namespace

int64_t StageModel::backwardPeak(const StagePeaks& begin, const LayerTimeline& top,
                                 const LayerTimeline& below) const {
  Timelines layers(m_classOf.size(), &below);
  layers.back() = &top;
  Gauge gauge(begin.topBegin);
  StagePasses(m_shape, m_firstEnd, m_lastEnd).layersBackward(layers, gauge);
  return std::max(begin.topBeginPeak, gauge.peak());
}

LayerTimeline StageModel::timelineOf(int32_t kind, int32_t above, const Recomputations& rebuilt,
                                     const std::vector<plan::Placement>& placements) const {
  const auto k = static_cast<size_t>(kind);
  const plan::LayerGraph* upper =
      above == kNoKind ? nullptr : &m_shape.graphs.kinds[static_cast<size_t>(above)];
  return layerTimeline(m_shape.profile.kinds[k], m_shape.graphs.kinds[k], upper, rebuilt,
                       placements);
}

LayerTimeline StageModel::steadyTimeline(int32_t kind, int32_t above,
                                         const std::vector<plan::Placement>& placements) const {
  return timelineOf(kind, above, recomputations(kind, above, placements, steadyCount() > 0),
                    placements);
}

VariantBytes StageModel::bytesOf(const LayerVariant& variant,
                                 const std::vector<plan::Placement>& placements) const {
  const auto timeline = [&](const Recomputations& rebuilt) {
    return timelineOf(variant.kind, variant.above, rebuilt, placements);
  };
  LayerTimeline steady = timeline(variant.steady);
  LayerTimeline tail = variant.tail == variant.steady ? steady : timeline(variant.tail);
  return {std::move(steady), std::move(tail)};
}

StagePeaks StageModel::peaks(const KindPolicies& policies, const ResolvedPolicies& resolved) const {
  std::vector<VariantBytes> distinct;
  std::vector<size_t> ofClass;  // index into them
  distinct.reserve(resolved.size());
  ofClass.reserve(resolved.size());
  for (size_t c = 0; c < resolved.size(); ++c) {
    // Most layers do the same at the same time: look among those that are known.
    size_t known = 0;
    while (known < c && (resolved[known].kind != resolved[c].kind ||
                         resolved[known].above != resolved[c].above ||
                         resolved[known].steady != resolved[c].steady ||
                         resolved[known].tail != resolved[c].tail))
      ++known;
    ofClass.push_back(known < c ? ofClass[known] : distinct.size());
    if (known == c)
      distinct.push_back(bytesOf(resolved[c], policies[static_cast<size_t>(resolved[c].kind)]));
  }
  std::vector<const VariantBytes*> layers;
  layers.reserve(m_classOf.size());
  for (const uint32_t c : m_classOf) layers.push_back(&distinct[ofClass[c]]);
  return peaks(layers);
}

// The first backward and the forward before it see the most micro-batches in flight; of the
// cool-down the first backward does, and its `pipe` work is more.
StagePeaks StageModel::peaks(const std::vector<const VariantBytes*>& layers) const {
  Timelines steady, tail;
  steady.reserve(layers.size());
  tail.reserve(layers.size());
  for (const VariantBytes* layer : layers) {
    steady.push_back(&layer->steady);
    tail.push_back(&layer->tail);
  }
  const StagePasses passes(m_shape, m_firstEnd, m_lastEnd);
  Gauge kept(0);
  passes.forward(tail, nullptr, kept);
  const int64_t others = m_baseBytes + (inFlight() - 1) * kept.now();
  StagePeaks peaks;
  Gauge cycle(others);
  passes.forward(steady, steadyCount() > 0 ? &steady : nullptr, cycle);
  passes.pipe(steady, cycle);
  peaks.early = cycle.peak();
  Gauge backward(cycle.now());
  passes.beforeLayers(steady, backward);
  peaks.topBegin = backward.now();
  peaks.topBeginPeak = backward.peak();
  peaks.lateTop = std::max(peaks.topBeginPeak, peaks.topBegin + steady.back()->backwardPeak());
  passes.layersBackward(steady, backward);
  peaks.late = backward.peak();
  if (steadyCount() == 0) return peaks;
  Gauge coolDown(others);
  passes.pipe(tail, coolDown);
  peaks.coolDown = coolDown.peak();
  Gauge lastBackwards(coolDown.now());
  passes.beforeLayers(tail, lastBackwards);
  passes.layersBackward(tail, lastBackwards);
  peaks.late = std::max(peaks.late, lastBackwards.peak());
  return peaks;
}

}  // namespace caracal::planner
