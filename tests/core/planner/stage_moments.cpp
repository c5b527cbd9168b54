#include "tests/core/planner/stage_moments.h"

#include <utility>

#include "tests/core/planner/layer_life.h"

namespace caracal::planner {
namespace {

using plan::WindowId;
using Sum = test::LinearSum;

double bytes(int64_t count) {
  return static_cast<double>(count);
}

// One micro-batch on all layers of the stage, from its forward pass on.
class MicroBatch {
 public:
  MicroBatch(const StageModel& model, bool tail, HeuColumns& columns)
      : m_model(model),
        m_kind(model.shape().profile.kinds[0]),
        m_below(model, {false, tail}, columns),
        m_top(model, {true, tail}, columns),
        m_at(static_cast<size_t>(model.layersOfKind(0)), 0) {}

  size_t layers() const { return m_at.size(); }
  LayerLife& life(size_t layer) { return layer + 1 == layers() ? m_top : m_below; }
  void moveTo(size_t layer, size_t event) { m_at[layer] = event; }

  Sum bytesNow() {
    Sum sum;
    if (m_at[0] <= life(0).lastBackward()) sum.constant += bytes(m_kind.inputBytes);
    for (size_t layer = 0, alike = 1; layer < layers(); ++layer) {
      const bool sameAbove = layer + 2 < layers() && m_at[layer] == m_at[layer + 1];
      if (!sameAbove) sum.add(life(layer).bytesBefore(m_at[layer]), static_cast<double>(alike));
      alike = sameAbove ? alike + 1 : 1;
      if (layer + 1 < layers() && m_at[layer + 1] <= life(layer + 1).lastBackward())
        sum.constant += outputBytes();
      else
        sum.add(life(layer).outputBefore(m_at[layer]));
    }
    return sum;
  }
  double outputBytes() const { return bytes(m_kind.operators.back().outputBytes); }

 private:
  const StageModel& m_model;
  const profile::LayerKind& m_kind;
  LayerLife m_below, m_top;
  std::vector<size_t> m_at;  // per layer, its next event
};

class MomentWalk {
 public:
  MomentWalk(const StageModel& model, HeuColumns& columns)
      : m_model(model),
        m_kind(model.shape().profile.kinds[0]),
        m_graph(model.shape().graphs.kinds[0]),
        m_columns(columns),
        m_layers(static_cast<size_t>(model.layersOfKind(0))) {}

  std::vector<Sum> run() {
    if (m_model.steadyCount() > 0) {
      MicroBatch steady(m_model, false, m_columns);
      forward(&steady);
      pipeAndBackward(steady, m_model.inFlight() - 1);
      MicroBatch coolDown(m_model, true, m_columns);
      pipeAndBackward(coolDown, m_model.inFlight() - 2);
    } else {
      MicroBatch only(m_model, true, m_columns);
      forward(nullptr);
      pipeAndBackward(only, m_model.inFlight() - 1);
    }
    return std::move(m_moments);
  }

 private:
  bool edge(size_t layer) const { return layer < 2 || layer + 2 >= m_layers; }

  void add(Sum moment, const Sum& made) {
    moment.add(made);
    m_moments.push_back(std::move(moment));
  }

  // The stage, and so many micro-batches of which nothing is rebuilt yet.
  Sum withOthers(int64_t others) {
    Sum sum;
    sum.constant = bytes(m_model.baseBytes());
    MicroBatch waiting(m_model, false, m_columns);
    return sum.add(waiting.bytesNow(), static_cast<double>(others));
  }

  // The forward pass of one micro-batch; `guest` rebuilds beside its collectives.
  void forward(MicroBatch* guest) {
    const Sum others = withOthers(m_model.inFlight() - (guest == nullptr ? 1 : 2));
    MicroBatch own(m_model, guest == nullptr, m_columns);
    Sum below;
    below.constant = bytes(m_kind.inputBytes);
    const auto now = [&](const Sum& inside) {
      Sum sum = others;
      sum.add(below).add(inside);
      return guest == nullptr ? sum : sum.add(guest->bytesNow());
    };
    for (size_t layer = 0; layer < m_layers; ++layer) {
      LayerLife& life = own.life(layer);
      for (int16_t op = 0; op < m_graph.size(); ++op) {
        const Sum inside = life.bytesInForward(op);
        if (edge(layer)) add(now(inside), {});
        if (guest == nullptr) continue;
        for (const auto& [at, window] :
             {std::pair{kFwdAttn, WindowId::kFwdAttn}, {kFwdMlp, WindowId::kFwdMlp}}) {
          if (!m_graph.hasHost(window) ||
              m_graph.operators[op].forwardWindow != m_graph.hostsOf(window).front())
            continue;
          rebuild(*guest, layer, at, layer, [&] { return now(inside); });
        }
      }
      below.add(life.bytesBefore(0));
      below.constant += own.outputBytes();
    }
    // The model's end reads the stage's output and keeps what it makes until its own backward.
    double end = 0;
    for (const profile::Operator& op : m_model.shape().profile.last.operators)
      end += bytes(op.liveBytes());
    if (!m_model.shape().isLast()) return;
    Sum made;
    made.constant = end;
    add(now({}), made);
  }

  // Every operator of a layer at one place, while layer `host` is worked on.
  template <class Now>
  void rebuild(MicroBatch& of, size_t layer, Place at, size_t host, const Now& now) {
    LayerLife& life = of.life(layer);
    for (int16_t op = 0; op < m_graph.size(); ++op) {
      of.moveTo(layer, life.begin(at) + static_cast<size_t>(op));
      const Sum made = life.made(at, op);
      if (edge(host) && !made.coefficients.empty()) add(now(), made);
    }
    of.moveTo(layer, life.end(at));
  }

  void pipeAndBackward(MicroBatch& own, int64_t inFlightBeside) {
    const Sum others = withOthers(inFlightBeside);
    const auto now = [&] {
      Sum sum = others;
      return sum.add(own.bytesNow());
    };
    for (size_t layer = m_layers; layer-- > 0;) rebuild(own, layer, kPipe, layer, now);
    for (size_t layer = m_layers; layer-- > 0;) {
      const auto rebuildBelow = [&](Place at) {
        if (layer > 0) rebuild(own, layer - 1, at, layer, now);
      };
      rebuild(own, layer, kDemandMlp, layer, now);
      own.moveTo(layer, own.life(layer).begin(kOwn));
      rebuild(own, layer, kOwn, layer, now);
      rebuildBelow(kPrevMlp);
      rebuild(own, layer, kDemandAttn, layer, now);
      own.moveTo(layer, own.life(layer).end());
      rebuildBelow(kPrevAttn);
    }
  }

  const StageModel& m_model;
  const profile::LayerKind& m_kind;
  const plan::LayerGraph& m_graph;
  HeuColumns& m_columns;
  size_t m_layers;
  std::vector<Sum> m_moments;
};

}  // namespace

std::vector<Sum> stageMoments(const StageModel& model, HeuColumns& columns) {
  return MomentWalk(model, columns).run();
}

}  // namespace caracal::planner
