#include "core/planner/layer_timeline.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <memory_resource>
#include <span>

#include "core/plan/tensor_bytes.h"

namespace caracal::planner {
namespace {

using plan::Slot;
using plan::WindowId;

constexpr int16_t kNothing = -1;

struct Event {
  size_t phase = 0;  // index into LayerTimeline
  int16_t makes = kNothing;
  const std::vector<int16_t>* reads;  // may hold kLayerInput, which is not ours
  int16_t alsoReads = kNothing;       // a collective's Wait reads its own output
  bool inForward = false;
  bool endsForward = false;
  uint16_t releasesEnd = 0;  // [end of the next event's, this): what dies after the event
};

// Events of one layer and micro-batch in time order, then their releases, then the bytes of each
// phase. Searches make thousands of these: layers of today's size need no memory but the builder's.
class TimelineBuilder {
 public:
  // All must outlive the builder.
  TimelineBuilder(const plan::LayerGraph& graph, const LayerTimeline& layout,
                  const Recomputations& rebuilt, std::span<const plan::Placement> placements)
      : m_graph(graph), m_layout(layout), m_rebuilt(rebuilt), m_placements(placements) {
    m_events.reserve(static_cast<size_t>(graph.size()) * 4);
    m_releases.reserve(static_cast<size_t>(graph.size()) * 2);
    m_sizes.reserve(static_cast<size_t>(graph.size()));
    for (const Slot slot : rebuilt.slots) m_used[static_cast<size_t>(slot)] = true;
  }

  void forward() {
    size_t piece = 0;
    m_inForward = true;
    m_phase = m_layout.forwardIndex(piece);
    for (int16_t op = 0; op < m_graph.size(); ++op) {
      const plan::OperatorLinks& links = m_graph.operators[op];
      add(op, &links.inputs);
      if (!links.collective) continue;
      if (links.forwardWindow >= 0) m_phase = m_layout.forwardIndex(++piece);
      add(kNothing, &links.inputs).alsoReads = op;
    }
    if (!m_events.empty()) m_events.back().endsForward = true;
    m_inForward = false;
  }

  // What runs in a slot, beside collective `host` if that is one.
  void recompute(Slot slot, size_t phase, int8_t host = -1) {
    if (!m_used[static_cast<size_t>(slot)]) return;
    m_phase = phase;
    for (int16_t op = 0; op < m_graph.size(); ++op) {
      if (m_rebuilt.slots[op] != slot || m_rebuilt.hosts[op] != host) continue;
      const plan::OperatorLinks& links = m_graph.operators[op];
      const bool kept = m_placements[static_cast<size_t>(op)].kept();  // kRepeated
      if (!kept) add(op, &links.inputs);
      if (kept || links.collective) add(kNothing, &links.inputs).alsoReads = op;
    }
  }

  // The layer's own backward, with what it rebuilds meanwhile.
  void backward() {
    size_t piece = 0;
    recompute(Slot::kOnDemandMlp, m_layout.backwardIndex(piece));
    for (int16_t op = m_graph.last(); op >= 0; --op) {
      const plan::OperatorLinks& links = m_graph.operators[op];
      m_phase = m_layout.backwardIndex(piece);
      if (!links.collective) {
        add(kNothing, &links.backwardReads);
        m_lastBackward = piece;
      }
      if (links.backwardWindow >= 0) {
        if (opensOwn(links.backwardWindow)) {
          m_ownWindow = piece;
          recompute(Slot::kOwnBwdMlp, m_layout.ownIndex(), links.backwardWindow);
        }
        ++piece;
      }
      if (op == m_graph.mlpBegin) recompute(Slot::kOnDemandAttn, m_layout.backwardIndex(piece));
    }
  }

  // A tensor's first sight from the end is its last use. `kept`, the layer's output, is released
  // from outside unless the layer's own backward reads it.
  void findReleases(int16_t kept) {
    std::pmr::vector<char> readLater(static_cast<size_t>(m_graph.size()), 0, &m_memory);
    const auto read = [&](int16_t tensor) {
      if (tensor < 0) return;
      if (!readLater[tensor]) m_releases.push_back(tensor);
      readLater[tensor] = 1;
    };
    for (auto event = m_events.rbegin(); event != m_events.rend(); ++event) {
      const bool inForward = event->inForward;
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

  // Of the operators, in their order.
  void addSize(plan::TensorBytes bytes) { m_sizes.push_back(bytes); }
  const plan::TensorBytes& lastSize() const { return m_sizes.back(); }

  // Adds up in `timeline`. REQUIRES findReleases() and every size.
  void fill(LayerTimeline& timeline) {
    const auto& sizes = m_sizes;
    std::pmr::vector<int64_t> alive(sizes.size(), 0, &m_memory);
    for (size_t e = 0; e < m_events.size(); ++e) {
      const Event& event = m_events[e];
      PhaseBytes& phase = timeline.at(event.phase);
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
  }

  size_t lastBackward() const { return m_lastBackward; }
  size_t ownWindow() const { return m_ownWindow; }

  // Whether the tensor made in forward is released by an event of its own layer's backward.
  bool releasedInside(int16_t tensor) const {
    for (size_t e = 0; e < m_events.size(); ++e) {
      const Event& event = m_events[e];
      if (event.makes == tensor && !event.inForward) return false;  // another life
      for (size_t r = releasesBegin(e); r < event.releasesEnd; ++r) {
        if (m_releases[r] == tensor) return true;
      }
    }
    return false;
  }

 private:
  bool opensOwn(int8_t window) const {
    const auto& own = m_graph.hostsOf(WindowId::kOwnBwdMlp);
    return !own.empty() && own.front() == window;
  }

  // Releases are found, and stored, from the last event to the first.
  size_t releasesBegin(size_t event) const {
    return event + 1 < m_events.size() ? m_events[event + 1].releasesEnd : 0;
  }

  Event& add(int16_t makes, const std::vector<int16_t>* reads) {
    Event event{m_phase, makes, reads};
    event.inForward = m_inForward;
    return m_events.emplace_back(event);
  }

  const plan::LayerGraph& m_graph;
  const LayerTimeline& m_layout;
  const Recomputations& m_rebuilt;
  std::span<const plan::Placement> m_placements;                    // empty: nothing is recomputed
  std::array<bool, static_cast<size_t>(Slot::kNone) + 1> m_used{};  // by slot
  size_t m_phase = 0;
  bool m_inForward = false;
  size_t m_lastBackward = 0, m_ownWindow = 0;
  std::array<std::byte, 6144> m_buffer;
  std::pmr::monotonic_buffer_resource m_memory{m_buffer.data(), m_buffer.size()};
  std::pmr::vector<Event> m_events{&m_memory};
  std::pmr::vector<int16_t> m_releases{&m_memory};
  std::pmr::vector<plan::TensorBytes> m_sizes{&m_memory};
};

std::vector<plan::TensorBytes> endSizes(const profile::ModelEnd& end) {
  std::vector<plan::TensorBytes> sizes;
  for (const profile::Operator& op : end.operators)
    sizes.push_back(plan::bytesOfOperator(op, false, true));
  return sizes;
}

EndTimeline endTimeline(const plan::LayerGraph& graph,
                        const std::vector<plan::TensorBytes>& sizes) {
  const auto size = static_cast<size_t>(graph.size());
  LayerTimeline timeline(graph, nullptr);
  const Recomputations rebuilt{std::vector<Slot>(size, Slot::kNone), std::vector<int8_t>(size, -1)};
  TimelineBuilder builder(graph, timeline, rebuilt, {});
  builder.forward();
  builder.backward();
  builder.findReleases(kNothing);
  for (const plan::TensorBytes& bytes : sizes) builder.addSize(bytes);
  builder.fill(timeline);
  return {timeline.forward(0), timeline.backward(0)};
}

}  // namespace

int64_t LayerTimeline::forwardNet() const {
  int64_t bytes = 0;
  for (size_t piece = 0; piece <= m_forwardWindows; ++piece) bytes += forward(piece).net;
  return bytes;
}

int64_t LayerTimeline::earlyNet() const {
  int64_t bytes = pipe().net;
  for (size_t window = 0; window < m_forwardWindows; ++window) bytes += besideForward(window).net;
  return bytes;
}

int64_t LayerTimeline::backwardPeak() const {
  int64_t peak = 0, now = 0;
  const auto run = [&](const PhaseBytes& phase) {
    peak = std::max(peak, now + phase.peak);
    now += phase.net;
  };
  for (size_t piece = 0; piece <= lastBackward; ++piece) {
    run(backward(piece));
    if (piece < lastBackward && ownWindow == piece) run(own());
  }
  return peak;
}

LayerTimeline layerTimeline(const profile::LayerKind& kind, const plan::LayerGraph& graph,
                            const plan::LayerGraph* above, const Recomputations& rebuilt,
                            const std::vector<plan::Placement>& placements) {
  LayerTimeline timeline(graph, above);
  TimelineBuilder builder(graph, timeline, rebuilt, placements);
  builder.forward();
  for (size_t window = 0; window < timeline.forwardWindows(); ++window) {
    for (const Slot slot : {Slot::kFwdAttn, Slot::kFwdMlp})
      builder.recompute(slot, timeline.besideForwardIndex(window), graph.forwardWindows[window]);
  }
  builder.recompute(Slot::kPipe, timeline.pipeIndex());
  for (size_t window = 0; window < timeline.aboveWindows(); ++window) {
    for (const Slot slot : {Slot::kPrevBwdMlp, Slot::kPrevBwdAttn})
      builder.recompute(slot, timeline.besideAboveIndex(window), above->backwardWindows[window]);
  }
  builder.backward();
  builder.findReleases(graph.last());

  for (int16_t op = 0; op < graph.size(); ++op) {
    const bool retained = placements[op].kept();
    builder.addSize(plan::bytesOfOperator(kind.operators[op], op == graph.last(), retained));
  }
  builder.fill(timeline);
  timeline.lastBackward = builder.lastBackward();
  timeline.ownWindow =
      graph.hasHost(WindowId::kOwnBwdMlp) ? builder.ownWindow() : timeline.backwardWindows();
  timeline.outputBytes = builder.releasedInside(graph.last()) ? 0 : builder.lastSize().retained;
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
