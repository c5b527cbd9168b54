#include "core/planner/layer_timeline.h"

#include <algorithm>

#include "core/plan/tensor_bytes.h"

namespace caracal::planner {
namespace {

using plan::Slot;
using plan::WindowId;

constexpr int16_t kNothing = -1;

struct Event {
  Phase phase = Phase::kForward0;
  int16_t makes = kNothing;
  const std::vector<int16_t>* reads;  // may hold kLayerInput, which is not ours
  int16_t alsoReads = kNothing;       // a collective's Wait reads its own output
  bool endsForward = false;
  uint16_t releasesEnd = 0;  // [end of the next event's, this): what dies after the event
};

// Events of one layer and micro-batch in time order, then their releases, then the bytes of each
// phase.
class TimelineBuilder {
 public:
  explicit TimelineBuilder(const plan::LayerGraph& graph) : m_graph(graph) {
    m_events.reserve(static_cast<size_t>(graph.size()) * 4);
  }

  void forward() {
    m_phase = Phase::kForward0;
    for (int16_t op = 0; op < m_graph.size(); ++op) {
      const plan::OperatorLinks& links = m_graph.operators[op];
      add(op, &links.inputs);
      if (links.collective) {
        if (opens(links.forwardWindow, WindowId::kFwdAttn)) m_phase = Phase::kForward1;
        if (opens(links.forwardWindow, WindowId::kFwdMlp)) m_phase = Phase::kForward2;
        add(kNothing, &links.inputs).alsoReads = op;
      }
    }
    if (!m_events.empty()) m_events.back().endsForward = true;
  }

  void recompute(const std::vector<Slot>& slots, Slot slot, Phase phase) {
    m_phase = phase;
    for (int16_t op = 0; op < m_graph.size(); ++op) {
      if (slots[op] != slot) continue;
      const plan::OperatorLinks& links = m_graph.operators[op];
      add(op, &links.inputs);
      if (links.collective) add(kNothing, &links.inputs).alsoReads = op;
    }
  }

  // Backward of the operators [begin, end) in reverse; goes on in `after` behind the bwd.attn
  // collective.
  void backward(int16_t begin, int16_t end, Phase phase, Phase after) {
    m_phase = phase;
    for (int16_t op = static_cast<int16_t>(end - 1); op >= begin; --op) {
      const plan::OperatorLinks& links = m_graph.operators[op];
      if (!links.collective) {
        add(kNothing, &links.backwardReads);
        m_lastBackward = m_phase;
      }
      if (opens(links.backwardWindow, WindowId::kPrevBwdAttn)) m_phase = after;
    }
  }

  // A tensor's first sight from the end is its last use. `kept`, the layer's output, is released
  // from outside unless the layer's own backward reads it.
  void findReleases(int16_t kept) {
    std::vector<char> readLater(static_cast<size_t>(m_graph.size()), 0);
    const auto read = [&](int16_t tensor) {
      if (tensor < 0) return;
      if (!readLater[tensor]) m_releases.push_back(tensor);
      readLater[tensor] = 1;
    };
    for (auto event = m_events.rbegin(); event != m_events.rend(); ++event) {
      const bool inForward = event->phase <= Phase::kForward2;
      const int16_t made = event->makes;
      if (made >= 0) {
        if (!readLater[made] && !(made == kept && inForward)) m_releases.push_back(made);
        readLater[made] = 0;
      }
      for (int16_t tensor : *event->reads) read(tensor);
      if (event->alsoReads != kept || !inForward) read(event->alsoReads);
      event->releasesEnd = static_cast<uint16_t>(m_releases.size());
    }
  }

  // `sizes` per operator. REQUIRES findReleases().
  std::array<PhaseBytes, static_cast<size_t>(Phase::kCount)> bytes(
      const std::vector<plan::TensorBytes>& sizes) const {
    std::array<PhaseBytes, static_cast<size_t>(Phase::kCount)> phases{};
    std::vector<int64_t> alive(sizes.size(), 0);
    for (size_t e = 0; e < m_events.size(); ++e) {
      const Event& event = m_events[e];
      PhaseBytes& phase = phases[static_cast<size_t>(event.phase)];
      if (event.makes >= 0) {
        alive[event.makes] = sizes[event.makes].live;
        phase.net += alive[event.makes];
        phase.peak = std::max(phase.peak, phase.net);
      }
      if (event.endsForward) {
        for (size_t op = 0; op < alive.size(); ++op) {
          if (alive[op] == 0) continue;
          phase.net += sizes[op].retained - alive[op];
          alive[op] = sizes[op].retained;
        }
      }
      for (size_t r = releasesBegin(e); r < event.releasesEnd; ++r) {
        phase.net -= alive[m_releases[r]];
        alive[m_releases[r]] = 0;
      }
    }
    return phases;
  }

  Phase lastBackward() const { return m_lastBackward; }

  // Whether the tensor made in forward is released by an event of its own layer's backward.
  bool releasedInside(int16_t tensor) const {
    for (size_t e = 0; e < m_events.size(); ++e) {
      const Event& event = m_events[e];
      if (event.makes == tensor && event.phase > Phase::kForward2) return false;  // another life
      for (size_t r = releasesBegin(e); r < event.releasesEnd; ++r) {
        if (m_releases[r] == tensor) return true;
      }
    }
    return false;
  }

 private:
  bool opens(int8_t window, WindowId host) const {
    return window >= 0 && m_graph.hosts[static_cast<size_t>(host)] == window;
  }

  // Releases are found, and stored, from the last event to the first.
  size_t releasesBegin(size_t event) const {
    return event + 1 < m_events.size() ? m_events[event + 1].releasesEnd : 0;
  }

  Event& add(int16_t makes, const std::vector<int16_t>* reads) {
    const Event event{m_phase, makes, reads};
    return m_events.emplace_back(event);
  }

  const plan::LayerGraph& m_graph;
  Phase m_phase = Phase::kForward0;
  Phase m_lastBackward = Phase::kBackwardAttn1;
  std::vector<Event> m_events;
  std::vector<int16_t> m_releases;
};

std::vector<plan::TensorBytes> endSizes(const profile::ModelEnd& end) {
  std::vector<plan::TensorBytes> sizes;
  for (const profile::Operator& op : end.operators)
    sizes.push_back(plan::bytesOfOperator(op, false, true));
  return sizes;
}

EndTimeline endTimeline(const plan::LayerGraph& graph,
                        const std::vector<plan::TensorBytes>& sizes) {
  TimelineBuilder builder(graph);
  builder.forward();
  builder.backward(0, graph.size(), Phase::kBackwardMlp, Phase::kBackwardMlp);
  builder.findReleases(kNothing);
  const auto phases = builder.bytes(sizes);
  return {phases[static_cast<size_t>(Phase::kForward0)],
          phases[static_cast<size_t>(Phase::kBackwardMlp)]};
}

}  // namespace

LayerTimeline layerTimeline(const profile::LayerKind& kind, const plan::LayerGraph& graph,
                            const std::vector<Slot>& slots,
                            const std::vector<plan::Placement>& placements) {
  TimelineBuilder builder(graph);
  builder.forward();
  builder.recompute(slots, Slot::kFwdAttn, Phase::kFwdAttn);
  builder.recompute(slots, Slot::kFwdMlp, Phase::kFwdMlp);
  builder.recompute(slots, Slot::kPipe, Phase::kPipe);
  builder.recompute(slots, Slot::kPrevBwdMlp, Phase::kPrevBwdMlp);
  builder.recompute(slots, Slot::kPrevBwdAttn, Phase::kPrevBwdAttn);
  builder.recompute(slots, Slot::kOnDemandMlp, Phase::kBackwardMlp);
  builder.backward(graph.mlpBegin, graph.size(), Phase::kBackwardMlp, Phase::kBackwardAttn1);
  builder.recompute(slots, Slot::kOwnBwdMlp, Phase::kOwnBwdMlp);
  builder.recompute(slots, Slot::kOnDemandAttn, Phase::kBackwardAttn0);
  builder.backward(0, graph.mlpBegin, Phase::kBackwardAttn0, Phase::kBackwardAttn1);
  builder.findReleases(graph.last());

  std::vector<plan::TensorBytes> sizes;
  for (int16_t op = 0; op < graph.size(); ++op) {
    const bool retained = placements[op].kind == plan::PlacementKind::kRetained;
    sizes.push_back(plan::bytesOfOperator(kind.operators[op], op == graph.last(), retained));
  }
  LayerTimeline timeline;
  timeline.phases = builder.bytes(sizes);
  timeline.lastBackward = builder.lastBackward();
  timeline.outputBytes = builder.releasedInside(graph.last()) ? 0 : sizes.back().retained;
  return timeline;
}

EndTimeline firstEndTimeline(const profile::ModelEnd& end, const plan::LayerGraph& graph,
                             int64_t activationBytes) {
  if (graph.size() == 0) return {{activationBytes, activationBytes}, {}};
  // What the last operator makes is the activation, and beside it only what it saves.
  std::vector<plan::TensorBytes> sizes = endSizes(end);
  const int64_t savedBytes = end.operators.back().savedBytes;
  sizes.back() = {activationBytes + savedBytes, activationBytes + savedBytes};
  EndTimeline timeline = endTimeline(graph, sizes);
  if (end.operators.back().needed()) {
    timeline.backward.net += activationBytes;  // the layers' backward releases the activation
  } else {
    timeline.forward.net += activationBytes;
  }
  return timeline;
}

EndTimeline lastEndTimeline(const profile::ModelEnd& end, const plan::LayerGraph& graph) {
  return endTimeline(graph, endSizes(end));
}

}  // namespace caracal::planner
