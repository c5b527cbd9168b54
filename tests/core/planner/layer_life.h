// The tensors of a layer and one of its micro-batches over time, as linear sums over HEU's columns.
// Used by stage_moments.cpp alone.
#pragma once

#include <map>
#include <vector>

#include "tests/core/planner/heu_columns.h"

namespace caracal::planner {

// After the forward pass: all that can happen to the layer's tensors, in time order, and what is
// alive before each of these events.
class LayerLife {
 public:
  using Sum = test::LinearSum;

  // All must outlive this.
  LayerLife(const StageModel& model, LayerCase of, HeuColumns& columns);

  // Events of a place, one for each operator in forward order.
  size_t begin(Place at) const { return m_begins.at(at); }
  size_t end(Place at) const { return begin(at) + static_cast<size_t>(m_graph.size()); }
  size_t end() const { return m_events; }
  // The last read of the layer's input.
  size_t lastBackward() const { return m_events - 1; }

  // Bytes of tensors alive when all events before this one are over, without the layer's output.
  const Sum& bytesBefore(size_t event);
  // Of the tensor that the operator makes there.
  Sum made(Place at, int16_t op) const;
  // Of the layer's output where its own backward still reads it.
  Sum outputBefore(size_t event) const;
  // In its own forward pass, when operator `now` has made its tensor.
  Sum bytesInForward(int16_t now) const;

 private:
  void rebuild(Place at);
  void runBackward(int16_t from, int16_t to);
  Sum countBytesBefore(size_t event);
  double liveBytes(int16_t op) const;
  // Of the layer's own backward; 0: it reads nothing.
  size_t lastReadOf(int16_t op) const;
  // Whether the operator's tensor, made before the event if `made`, is still alive then.
  Sum aliveBefore(size_t event, int16_t op, const Sum& made);

  const profile::LayerKind& m_kind;
  const plan::LayerGraph& m_graph;
  LayerCase m_case;
  HeuColumns& m_columns;
  std::map<Place, size_t> m_begins;
  std::map<int16_t, size_t> m_backwards;
  size_t m_events = 0;
  std::map<size_t, Sum> m_bytes;                                       // by event
  std::map<std::vector<std::map<size_t, double>>, size_t> m_products;  // columns by their sums
};

}  // namespace caracal::planner
