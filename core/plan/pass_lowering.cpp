#include "core/plan/pass_lowering.h"

#include <utility>

namespace caracal::plan {
namespace {

using trace::Pass;

// Item::window of a recomputation in a slot.
int8_t windowOf(Slot slot) {
  switch (slot) {
    case Slot::kFwdAttn:
      return static_cast<int8_t>(WindowId::kFwdAttn);
    case Slot::kFwdMlp:
      return static_cast<int8_t>(WindowId::kFwdMlp);
    case Slot::kPipe:
      return static_cast<int8_t>(WindowId::kPipe);
    case Slot::kPrevBwdMlp:
      return static_cast<int8_t>(WindowId::kPrevBwdMlp);
    case Slot::kPrevBwdAttn:
      return static_cast<int8_t>(WindowId::kPrevBwdAttn);
    case Slot::kOwnBwdMlp:
      return static_cast<int8_t>(WindowId::kOwnBwdMlp);
    default:
      return -1;
  }
}

}  // namespace

Result<void> PassLowering::resolve() {
  CARACAL_TRY(layers, layerWorkOf(m_shape));
  m_layers = std::move(layers);
  return {};
}

void PassLowering::addEach(Action action, int32_t layer, const std::vector<int16_t>& tensors) {
  for (const int16_t op : tensors) add(action, layer, op, m_passMicroBatch);
}

Item& PassLowering::add(Action action, int32_t layer, int16_t op, int32_t microBatch) {
  Item item;
  item.action = action;
  item.pass = m_pass;
  item.layer = layer;
  item.op = op;
  item.microBatch = microBatch;
  item.passMicroBatch = m_passMicroBatch;
  item.chunk = static_cast<int16_t>(m_shape.stage);
  item.split = m_split;
  return m_program.items.emplace_back(item);
}

uint32_t PassLowering::startCollective(int32_t layer, int16_t op, int32_t microBatch,
                                       int8_t window) {
  Item& item = add(Action::kCollectiveStart, layer, op, microBatch);
  item.window = window;
  item.collective = ++m_collectives;
  return item.collective;
}

void PassLowering::waitCollective(int32_t layer, int16_t op, int32_t microBatch, int8_t window,
                                  uint32_t collective) {
  Item& item = add(Action::kCollectiveWait, layer, op, microBatch);
  item.window = window;
  item.collective = collective;
}

void PassLowering::recompute(int32_t layer, int32_t microBatch, Slot slot, int8_t host) {
  const LayerGraph& graph = m_shape.graph(layer);
  const LayerWork& work = m_layers[local(layer)];
  const Rebuilt& rebuilt = m_hosted == Hosted::kInForward ? work.hosted : work.tail;
  for (int16_t op : rebuilt[slot]) {
    if (host != kAnyHost && rebuilt.hosts[static_cast<size_t>(op)] != host) continue;
    if (graph.operators[op].collective) {
      const uint32_t collective = startCollective(layer, op, microBatch, kRepeatedCollective);
      waitCollective(layer, op, microBatch, kRepeatedCollective, collective);
    } else {
      add(Action::kRecompute, layer, op, microBatch).window = windowOf(slot);
    }
  }
}

void PassLowering::forward(int32_t microBatch, int32_t hosted) {
  m_pass = Pass::kForward;
  m_passMicroBatch = microBatch;
  m_hostedMicroBatch = hosted;
  m_hosted = Hosted::kInForward;  // of the recomputations in this pass
  m_split = false;
  if (m_shape.isFirst()) {
    forwardEnd(kFirstEnd, microBatch);
  } else if (m_shape.linkedBefore()) {
    add(Action::kRecvForward, m_shape.firstLayer(), -1, microBatch);
  }
  for (int32_t layer = m_shape.firstLayer(); layer <= m_shape.topLayer(); ++layer)
    forwardLayer(layer, microBatch);
  if (m_shape.isLast()) {
    forwardEnd(kLastEnd, microBatch);
  } else if (m_shape.linkedAfter()) {
    add(Action::kSendForward, m_shape.topLayer(), m_shape.graph(m_shape.topLayer()).last(),
        microBatch);
  }
  addEach(Action::kOffloadWait, m_shape.topLayer(), m_layers.back().offloads.all());
}

void PassLowering::forwardEnd(int32_t end, int32_t microBatch) {
  const LayerGraph& graph = m_shape.graph(end);
  if (end == kFirstEnd && graph.size() == 0) add(Action::kForward, end, -1, microBatch);
  for (int16_t op = 0; op < graph.size(); ++op) forwardOperator(end, op, microBatch);
}

void PassLowering::forwardOperator(int32_t layer, int16_t op, int32_t microBatch) {
  const OperatorLinks& links = m_shape.graph(layer).operators[op];
  if (!links.collective) {
    add(Action::kForward, layer, op, microBatch);
    return;
  }
  const uint32_t collective = startCollective(layer, op, microBatch, links.forwardWindow);
  if (links.forwardWindow >= 0) fillForwardWindow(layer, links.forwardWindow);
  waitCollective(layer, op, microBatch, links.forwardWindow, collective);
}

void PassLowering::fillForwardWindow(int32_t layer, int8_t window) {
  if (m_hostedMicroBatch < 0) return;
  for (const Slot slot : {Slot::kFwdAttn, Slot::kFwdMlp})
    recompute(layer, m_hostedMicroBatch, slot, window);
}

void PassLowering::forwardLayer(int32_t layer, int32_t microBatch) {
  for (int16_t op = 0; op < m_shape.graph(layer).size(); ++op)
    forwardOperator(layer, op, microBatch);
  addEach(Action::kOffloadStart, layer, m_layers[local(layer)].offloads.all());
  if (layer > m_shape.firstLayer())
    addEach(Action::kOffloadWait, layer - 1, m_layers[local(layer - 1)].offloads.all());
}

void PassLowering::backward(int32_t microBatch, Hosted hosted, bool split, Reduce reduce) {
  m_pass = Pass::kBackward;
  m_passMicroBatch = microBatch;
  m_hosted = hosted;
  m_split = split;
  m_reduce = reduce;
  addEach(Action::kFetchStart, m_shape.topLayer(), m_layers.back().offloads.all());
  for (int32_t layer = m_shape.topLayer(); layer >= m_shape.firstLayer(); --layer) {
    recompute(layer, microBatch, Slot::kPipe);
  }
  if (m_shape.isLast()) {
    backwardEnd(kLastEnd, microBatch);
  } else if (m_shape.linkedAfter()) {
    add(Action::kRecvBackward, m_shape.topLayer(), -1, microBatch);
  }
  for (int32_t layer = m_shape.topLayer(); layer >= m_shape.firstLayer(); --layer)
    backwardLayer(layer, microBatch);
  if (m_shape.isFirst()) {
    backwardEnd(kFirstEnd, microBatch);
  } else if (m_shape.linkedBefore()) {
    add(Action::kSendBackward, m_shape.firstLayer(), -1, microBatch);
  }
}

void PassLowering::backwardEnd(int32_t end, int32_t microBatch) {
  const LayerGraph& graph = m_shape.graph(end);
  for (int16_t op = graph.last(); op >= 0; --op) {
    if (!graph.operators[op].collective) add(Action::kBackward, end, op, microBatch);
  }
  reduceGradients(end);
}

void PassLowering::backwardLayer(int32_t layer, int32_t microBatch) {
  const LayerGraph& graph = m_shape.graph(layer);
  const Offloads& offloads = m_layers[local(layer)].offloads;
  if (layer > m_shape.firstLayer())
    addEach(Action::kFetchStart, layer - 1, m_layers[local(layer - 1)].offloads.all());
  addEach(Action::kFetchWait, layer, offloads.mlp);
  const int32_t unitBegin = m_layers[local(layer)].unitBegin;
  if (unitBegin != kRebuiltAbove) {
    for (int32_t rebuilt = unitBegin; rebuilt <= layer; ++rebuilt) {
      recompute(rebuilt, microBatch, Slot::kOnDemandMlp);
    }
  }
  for (int16_t op = graph.last(); op >= 0; --op) {
    const OperatorLinks& links = graph.operators[op];
    if (!links.collective) add(Action::kBackward, layer, op, microBatch);
    if (links.backwardWindow >= 0) backwardCollective(layer, links.backwardWindow, microBatch);
    if (op != graph.mlpBegin) continue;
    addEach(Action::kFetchWait, layer, offloads.attention);
    recompute(layer, microBatch, Slot::kOnDemandAttn);
  }
  reduceGradients(layer);
}

bool PassLowering::runsWithWeights(int32_t layer, int8_t window) const {
  return m_split && window >= 0 &&
         m_shape.gathersForWeights(
             m_shape.profile.kindOf(layer).windows[static_cast<size_t>(window)]);
}

void PassLowering::backwardCollective(int32_t layer, int8_t window, int32_t microBatch) {
  const bool elsewhere = runsWithWeights(layer, window);
  const uint32_t collective = elsewhere ? 0 : startCollective(layer, -1, microBatch, window);
  recompute(layer, microBatch, Slot::kOwnBwdMlp, window);
  if (layer > m_shape.firstLayer()) {
    for (const Slot slot : {Slot::kPrevBwdMlp, Slot::kPrevBwdAttn})
      recompute(layer - 1, microBatch, slot, window);
  }
  if (!elsewhere) waitCollective(layer, -1, microBatch, window, collective);
}

void PassLowering::weightGradients(int32_t microBatch, Reduce reduce) {
  m_pass = Pass::kWeight;
  m_passMicroBatch = microBatch;
  m_split = true;
  m_reduce = reduce;
  if (m_shape.isLast()) weightsOf(kLastEnd, microBatch);
  for (int32_t layer = m_shape.topLayer(); layer >= m_shape.firstLayer(); --layer)
    weightsOf(layer, microBatch);
  if (m_shape.isFirst()) weightsOf(kFirstEnd, microBatch);
}

void PassLowering::weightsOf(int32_t layer, int32_t microBatch) {
  const LayerGraph& graph = m_shape.graph(layer);
  int16_t next = -1;  // with weights: runs beside the next gather
  const auto runNext = [&] {
    if (next >= 0) add(Action::kWeightGradient, layer, next, microBatch);
    next = -1;
  };
  for (int16_t op = graph.last(); op >= 0; --op) {
    if (graph.operators[op].weights) {
      runNext();
      next = op;
    }
    const int8_t window = graph.operators[op].backwardWindow;
    if (!runsWithWeights(layer, window)) continue;
    const uint32_t collective = startCollective(layer, -1, microBatch, window);
    runNext();
    waitCollective(layer, -1, microBatch, window, collective);
  }
  runNext();
  reduceGradients(layer);
}

void PassLowering::reduceGradients(int32_t layer) {
  if (m_reduce == Reduce::kEachLayer) add(Action::kReduceStart, layer, -1, m_passMicroBatch);
}

}  // namespace caracal::plan
