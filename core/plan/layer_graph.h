// LayerGraph: what the operator table of a layer kind (or model end) implies, by index: who reads
// what, forward and backward, which collectives are windows, and where backward is cut in two.
// Ids are looked up here once; everything that walks layers (lowering, simulation, planning) uses
// indices.
#pragma once

#include <cstdint>
#include <vector>

#include "core/plan/plan.h"
#include "core/profile/profile.h"

namespace caracal::plan {

// Among the inputs of an operator: the layer's own input.
inline constexpr int16_t kLayerInput = -1;

struct OperatorLinks {
  std::vector<int16_t> inputs;         // operators of this layer, or kLayerInput
  std::vector<int16_t> consumers;      // operators of this layer whose inputs name this one
  std::vector<int16_t> backwardReads;  // tensors that this operator's backward reads
  int16_t firstReader =
      -1;  // operator whose backward reads the tensor first; -1: backward does not
  int8_t forwardWindow = -1;   // index into LayerKind::windows of this collective; -1: none
  int8_t backwardWindow = -1;  // index of the collective that follows this operator's backward
  bool collective = false;
  bool weights = false;  // backward has a part that makes weight gradients
};

struct LayerGraph {
  std::vector<OperatorLinks> operators;  // aligned with LayerKind::operators
  // First operator of the MLP segment: backward runs [mlpBegin, n) in reverse, then bwd.mlp, then
  // [0, mlpBegin) in reverse. It is the operator whose backward bwd.mlp follows; without that
  // window the first of `fc1` and `gate`; without those 0, and all of backward is one segment.
  int16_t mlpBegin = 0;
  // Collectives of the passes, as indices into LayerKind::windows in time order.
  std::vector<int8_t> forwardWindows, backwardWindows;
  // Those that host a placement, in time order: one of it runs beside one of them
  // (recompute_hosts.h). kFwdAttn: up to fwd.attn, kFwdMlp: behind it. kPrevBwd* and kOwnBwdMlp
  // name collectives of *this* layer (kPrevBwd*: hosting the layer below): kPrevBwdMlp those of its
  // MLP segment, bwd.mlp being the last of them; kPrevBwdAttn those behind; kOwnBwdMlp bwd.mlp
  // alone.
  std::array<std::vector<int8_t>, kWindowCount> hosts;

  int16_t size() const { return static_cast<int16_t>(operators.size()); }
  int16_t last() const { return static_cast<int16_t>(size() - 1); }
  const std::vector<int8_t>& hostsOf(WindowId id) const { return hosts[static_cast<size_t>(id)]; }
  bool hasHost(WindowId id) const { return !hostsOf(id).empty(); }
  bool readInMlpSegment(int16_t op) const { return operators[op].firstReader >= mlpBegin; }
};

// REQUIRES inputs and savedFor that name operators of the same list (profile::validate).
LayerGraph graphOf(const profile::LayerKind& kind);
// A model end has no windows and one segment.
LayerGraph graphOf(const profile::ModelEnd& end);

}  // namespace caracal::plan
