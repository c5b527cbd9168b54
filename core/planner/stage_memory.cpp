// Peak memory of a stage (StageModel::peakBytes): the phases of its layers in the order of 1F1B.
#include <algorithm>

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
  explicit StagePasses(const plan::StageShape& shape) : m_shape(shape) {
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

  // What follows the arrival of the gradient; returns the peak of the top layer by itself.
  int64_t backward(const Timelines& own, Gauge& gauge) const {
    if (m_shape.isLast()) gauge.add(m_last.backward);
    if (outputOutlivesForward()) gauge.release(own.back()->outputBytes);
    Gauge alone = gauge;
    layerBackward(own, own.size() - 1, Hosting::kNothing, alone);
    for (size_t l = own.size(); l-- > 0;) layerBackward(own, l, Hosting::kLayerBelow, gauge);
    if (m_shape.isFirst()) gauge.add(m_first.backward);
    return alone.peak();
  }

 private:
  enum class Hosting : uint8_t { kNothing, kLayerBelow };

  void layerBackward(const Timelines& own, size_t l, Hosting hosting, Gauge& gauge) const {
    const LayerTimeline& layer = *own[l];
    const LayerTimeline* below = l > 0 ? own[l - 1] : nullptr;
    const int64_t inputBytes = below != nullptr ? below->outputBytes : m_inputBytes;
    const bool hosts = hosting == Hosting::kLayerBelow && below != nullptr;
    for (size_t piece = 0; piece <= layer.backwardWindows(); ++piece) {
      gauge.add(layer.backward(piece));
      if (layer.lastBackward == piece) gauge.release(inputBytes);
      if (piece == layer.backwardWindows()) break;
      if (layer.ownWindow == piece) gauge.add(layer.own());
      if (hosts) gauge.add(below->besideAbove(piece));
    }
  }

  // The last stage's output is read by the head until its backward is done; others send theirs.
  bool outputOutlivesForward() const { return m_shape.isLast() && m_shape.graphs.last.size() > 0; }

  const plan::StageShape& m_shape;
  int64_t m_inputBytes = 0;
  EndTimeline m_first, m_last;
};

}  // namespace

VariantBytes StageModel::bytesOf(const LayerVariant& variant,
                                 const std::vector<plan::Placement>& placements) const {
  const auto kind = static_cast<size_t>(variant.kind);
  const plan::LayerGraph* above = variant.above == kNoKind
                                      ? nullptr
                                      : &m_shape.graphs.kinds[static_cast<size_t>(variant.above)];
  const auto timeline = [&](const Recomputations& rebuilt) {
    return layerTimeline(m_shape.profile.kinds[kind], m_shape.graphs.kinds[kind], above, rebuilt,
                         placements);
  };
  const LayerTimeline steady = timeline(variant.steady);
  return {steady, variant.tail == variant.steady ? steady : timeline(variant.tail)};
}

StagePeaks StageModel::peaks(const KindPolicies& policies, const ResolvedPolicies& resolved) const {
  std::vector<VariantBytes> ofClass;
  for (size_t c = 0; c < resolved.size(); ++c) {
    // Most layers do the same at the same time: look among those that are known.
    size_t known = 0;
    while (known < c && (resolved[known].kind != resolved[c].kind ||
                         resolved[known].above != resolved[c].above ||
                         resolved[known].steady != resolved[c].steady ||
                         resolved[known].tail != resolved[c].tail))
      ++known;
    ofClass.push_back(known < c
                          ? ofClass[known]
                          : bytesOf(resolved[c], policies[static_cast<size_t>(resolved[c].kind)]));
  }
  std::vector<const VariantBytes*> layers;
  for (const uint32_t c : m_classOf) layers.push_back(&ofClass[c]);
  return peaks(layers);
}

// The first backward and the forward before it see the most micro-batches in flight; of the
// cool-down the first backward does, and its `pipe` work is more.
StagePeaks StageModel::peaks(const std::vector<const VariantBytes*>& layers) const {
  Timelines steady, tail;
  for (const VariantBytes* layer : layers) {
    steady.push_back(&layer->steady);
    tail.push_back(&layer->tail);
  }
  const StagePasses passes(m_shape);
  Gauge kept(0);
  passes.forward(tail, nullptr, kept);
  const int64_t others = m_baseBytes + (inFlight() - 1) * kept.now();
  StagePeaks peaks;
  Gauge cycle(others);
  passes.forward(steady, steadyCount() > 0 ? &steady : nullptr, cycle);
  passes.pipe(steady, cycle);
  peaks.early = cycle.peak();
  Gauge backward(cycle.now());
  peaks.lateTop = passes.backward(steady, backward);
  peaks.late = backward.peak();
  if (steadyCount() == 0) return peaks;
  Gauge coolDown(others);
  passes.pipe(tail, coolDown);
  peaks.coolDown = coolDown.peak();
  Gauge lastBackwards(coolDown.now());
  passes.backward(tail, lastBackwards);
  peaks.late = std::max(peaks.late, lastBackwards.peak());
  return peaks;
}

}  // namespace caracal::planner
