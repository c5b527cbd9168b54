// What an item reads and makes, as program.h defines it: the one place that says so.
#pragma once

#include "core/plan/program.h"
#include "core/plan/stage_shape.h"

namespace caracal::plan {

// Items that run an operator's forward: its own, or again.
inline bool runsForward(const Item& item) {
  switch (item.action) {
    case Action::kForward:
    case Action::kRecompute:
    case Action::kCollectiveStart:
    case Action::kCollectiveWait:
      return item.op >= 0;
    default:
      return false;
  }
}

// A recomputation of a tensor that was kept all along: it writes the same bits once more.
inline bool rewritesKept(const StageShape& shape, const Item& item) {
  return item.action == Action::kRecompute &&
         shape.policy(item.layer).placements[static_cast<size_t>(item.op)].kept();
}

template <class Visit>
void forEachRead(const StageShape& shape, const Item& item, Visit&& visit) {
  const auto readInput = [&] {
    if (item.layer != kFirstEnd) visit(shape.layerInput(item.layer, item.microBatch));
  };
  const auto readSaved = [&] {
    for (int16_t tensor : shape.graph(item.layer).operators[item.op].backwardReads) {
      visit(TensorRef{item.layer, tensor, item.microBatch});
    }
  };
  if (runsForward(item)) {
    for (int16_t input : shape.graph(item.layer).operators[item.op].inputs) {
      if (input == kLayerInput)
        readInput();
      else
        visit(TensorRef{item.layer, input, item.microBatch});
    }
    if (item.action == Action::kCollectiveWait || rewritesKept(shape, item))
      visit(TensorRef{item.layer, item.op, item.microBatch});
  } else if (item.action == Action::kBackward) {
    const OperatorLinks& links = shape.graph(item.layer).operators[item.op];
    if (!(item.split && links.weights)) readSaved();
    readInput();
  } else if (item.action == Action::kWeightGradient) {
    const OperatorLinks& links = shape.graph(item.layer).operators[item.op];
    readSaved();
    visit(TensorRef{item.layer, gradientOf(item.op), item.microBatch});
    for (int16_t input : links.inputs) {
      if (input == kLayerInput) readInput();
    }
  } else if (item.action == Action::kOffloadStart || item.action == Action::kOffloadWait ||
             item.action == Action::kFetchWait) {
    visit(TensorRef{item.layer, item.op, item.microBatch});
  } else if (item.action == Action::kSendForward) {
    visit(shape.layerOutput(shape.topLayer(), item.microBatch));
  }
}

template <class Visit>
void forEachMade(const StageShape& shape, const Item& item, Visit&& visit) {
  if (item.action == Action::kRecvForward) {
    visit(shape.layerInput(shape.firstLayer(), item.microBatch));
    return;
  }
  if (item.action == Action::kBackward && item.split &&
      shape.graph(item.layer).operators[item.op].weights) {
    visit(TensorRef{item.layer, gradientOf(item.op), item.microBatch});
    return;
  }
  if (item.action == Action::kFetchStart) {
    visit(TensorRef{item.layer, item.op, item.microBatch});
    return;
  }
  if (!runsForward(item) && !(item.action == Action::kForward && item.layer == kFirstEnd)) return;
  if (item.action == Action::kCollectiveWait || rewritesKept(shape, item)) return;
  if (item.layer == kFirstEnd && item.op == shape.graphs.first.last()) {
    visit(shape.layerInput(shape.firstLayer(), item.microBatch));
    if (item.op < 0 || !shape.profile.first.operators[item.op].needed()) return;
  }
  visit(TensorRef{item.layer, item.op, item.microBatch});
}

}  // namespace caracal::plan
