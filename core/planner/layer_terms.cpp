#include "core/planner/layer_terms.h"

namespace caracal::planner {

using plan::WindowId;

LayerTerms::LayerTerms(const StageModel& stage, LayerPlace where)
    : model(stage), place(where), others(stage.inFlight() - 1) {
  const plan::StageShape& shape = model.shape();
  const auto& kind = shape.profile.kinds[static_cast<size_t>(place.kind)];
  const plan::LayerGraph& graph = shape.graphs.kinds[static_cast<size_t>(place.kind)];
  for (int16_t index = 0; index < graph.size(); ++index) {
    const profile::Operator& op = kind.operators[static_cast<size_t>(index)];
    const plan::OperatorLinks& links = graph.operators[index];
    OperatorTerms terms;
    std::copy_if(links.inputs.begin(), links.inputs.end(), std::back_inserter(terms.inputs),
                 [](int16_t input) { return input >= 0; });
    terms.consumers = links.consumers;
    terms.ns = static_cast<double>(op.forwardNs);
    terms.needed = links.firstReader >= 0;
    terms.readInMlp = terms.needed && graph.readInMlpSegment(index);
    terms.collective = links.collective;
    terms.output = index == graph.last();
    // Of a layer's output only what its own backward reads is decided; the rest is a checkpoint.
    terms.retainedBytes = terms.output ? op.savedBytes : op.retainedBytes();
    terms.liveBytes = terms.output ? op.savedBytes : op.liveBytes();
    operators.push_back(std::move(terms));
  }
  checkpointBytes =
      (top() ? others * shape.isLast() : others + 1) * kind.operators.back().outputBytes;
  const double kappa = static_cast<double>(model.contention().kappaPpm) / 1e6;
  const double rho = static_cast<double>(model.contention().rhoPpm) / 1e6;
  share = std::max(0.0, 1 - kappa * (1 - 1 / rho));
  roomPerNs = rho / kappa;
  const auto roomNs = [&](int32_t of, WindowId window) {
    return static_cast<double>(model.windowNs(of, window)) * roomPerNs;
  };
  const auto host = [&](bool exists, int32_t of, WindowId window) {
    if (!exists) return HostWindow{};
    const size_t collectives = shape.graphs.kinds[static_cast<size_t>(of)].hostsOf(window).size();
    return HostWindow{true, collectives > 1, roomNs(of, window)};
  };
  const bool nextForward = model.steadyCount() > 0;
  fwdAttn = host(nextForward && graph.hasHost(WindowId::kFwdAttn), place.kind, WindowId::kFwdAttn);
  fwdMlp = host(nextForward && graph.hasHost(WindowId::kFwdMlp), place.kind, WindowId::kFwdMlp);
  ownMlp = host(graph.hasHost(WindowId::kOwnBwdMlp), place.kind, WindowId::kOwnBwdMlp);
  pipe = shape.linkedAfter();
  if (top()) return;
  // Plans may name a window of the layer above only where their own layer has one like it.
  const plan::LayerGraph& above = shape.graphs.kinds[static_cast<size_t>(place.above)];
  for (auto [window, id] :
       {std::pair{&prevMlp, WindowId::kPrevBwdMlp}, std::pair{&prevAttn, WindowId::kPrevBwdAttn}})
    *window = host(graph.hasHost(id) && above.hasHost(id), place.above, id);
  if (prevMlp.exists) prevMlp.sharedNs = roomNs(place.above, WindowId::kOwnBwdMlp);
}

}  // namespace caracal::planner
