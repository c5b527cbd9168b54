// Every policy of a small layer, for brute force.
#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "core/planner/stage_model.h"

namespace caracal::test {

// Calls `visit` with every placement of every tensor of the stage's first kind of layer that is
// legal as contracts.md section 2 says.
class LegalPolicies {
 public:
  using Visit = std::function<void(const std::vector<plan::Placement>& placements)>;

  LegalPolicies(const planner::StageModel& model, Visit visit)
      : m_model(model),
        m_kind(model.shape().profile.kinds[0]),
        m_graph(model.shape().graphs.kinds[0]),
        m_visit(std::move(visit)),
        m_policy(m_kind.operators.size()) {
    assign(0);
  }

 private:
  using Placement = plan::Placement;
  using PlacementKind = plan::PlacementKind;

  // Time order of the places of a layer's recomputations; kept tensors are there before all.
  static int timeOf(Placement placement) {
    if (placement.kind == PlacementKind::kRetained) return -1;
    if (placement.kind == PlacementKind::kWindow) return static_cast<int>(placement.window);
    return static_cast<int>(
        plan::WindowId::kOwnBwdMlp);  // on demand: before or after own.bwd.mlp, as inputs allow
  }

  bool exists(plan::WindowId window) const {
    using plan::WindowId;
    if (window == WindowId::kPipe) return true;
    if (window == WindowId::kFwdAttn || window == WindowId::kFwdMlp) return m_model.inFlight() > 1;
    return true;
  }

  // On demand before the MLP segment unless something it is made from comes later.
  bool rebuiltInTime(int16_t op) const {
    if (!m_graph.readInMlpSegment(op)) return true;
    if (m_policy[op] == *plan::placementFromText("window:own.bwd.mlp")) return false;
    for (int16_t input : m_graph.operators[op].inputs) {
      if (input >= 0 && m_policy[input].recomputed() && !rebuiltBeforeMlp(input)) return false;
    }
    return true;
  }
  bool rebuiltBeforeMlp(int16_t op) const {
    if (m_policy[op] == *plan::placementFromText("window:own.bwd.mlp")) return false;
    for (int16_t input : m_graph.operators[op].inputs) {
      if (input >= 0 && m_policy[input].recomputed() && !rebuiltBeforeMlp(input)) return false;
    }
    return true;
  }

  bool legal(int16_t op) const {
    const Placement placement = m_policy[op];
    if (placement.kind == PlacementKind::kDiscarded) return !m_kind.operators[op].needed();
    if (placement.kind == PlacementKind::kRetained) return true;
    const bool window = placement.kind == PlacementKind::kWindow;
    if (window && (op == m_graph.last() || !exists(placement.window))) return false;
    for (int16_t input : m_graph.operators[op].inputs) {
      if (input < 0) continue;
      if (m_policy[input].kind == PlacementKind::kDiscarded) return false;
      if (!window) continue;
      const bool onDemand = m_policy[input].kind == PlacementKind::kOnDemand;
      if (onDemand && (placement.window != plan::WindowId::kOwnBwdMlp || !rebuiltBeforeMlp(input)))
        return false;
      if (!onDemand && timeOf(m_policy[input]) > timeOf(placement)) return false;
    }
    return rebuiltInTime(op);
  }

  void assign(int16_t op) {
    if (op == m_graph.size()) {
      m_visit(m_policy);
      return;
    }
    static const std::vector<std::string> kTexts{"discarded",
                                                 "retained",
                                                 "onDemand",
                                                 "window:fwd.attn",
                                                 "window:fwd.mlp",
                                                 "window:pipe",
                                                 "window:prev.bwd.mlp",
                                                 "window:prev.bwd.attn",
                                                 "window:own.bwd.mlp"};
    for (const std::string& text : kTexts) {
      m_policy[op] = *plan::placementFromText(text);
      if (legal(op)) assign(static_cast<int16_t>(op + 1));
    }
  }

  const planner::StageModel& m_model;
  const profile::LayerKind& m_kind;
  const plan::LayerGraph& m_graph;
  Visit m_visit;
  std::vector<Placement> m_policy;
};

}  // namespace caracal::test
