// Small layers and profiles for tests, written by hand or drawn at random.
#pragma once

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include "core/plan/layer_graph.h"
#include "core/plan/plain_policies.h"
#include "core/plan/plan.h"
#include "core/plan/schedule.h"
#include "core/profile/profile.h"

namespace caracal::test {

using plan::Placement;
using plan::PlacementKind;
using plan::WindowId;
using profile::LayerKind;
using profile::Operator;
using profile::OperatorKind;
using profile::Profile;

inline Operator makeOperator(std::string id, OperatorKind kind, int64_t forwardNs,
                             int64_t backwardNs, int64_t outputBytes, int64_t savedBytes,
                             std::vector<std::string> savedFor, std::vector<std::string> inputs) {
  Operator op;
  op.id = std::move(id);
  op.kind = kind;
  op.forwardNs = forwardNs;
  op.backwardNs = backwardNs;
  op.outputBytes = outputBytes;
  op.savedBytes = savedBytes;
  op.savedFor = std::move(savedFor);
  op.inputs = std::move(inputs);
  return op;
}

inline profile::Window makeWindow(std::string id, std::string after, int64_t transferNs,
                                  int64_t overlappedNs = 0) {
  profile::Window window;
  window.id = std::move(id);
  window.after = std::move(after);
  window.transferNs = transferNs;
  window.overlappedNs = overlappedNs;
  window.bytes = 64;
  return window;
}

// A layer in miniature: ln1 attn tp_attn residual1 fc1 act tp_mlp residual2, all four windows of 10
// ns.
inline LayerKind tinyLayer() {
  using K = OperatorKind;
  LayerKind kind;
  kind.id = "tiny";
  kind.inputBytes = 8;
  kind.staticBytes = 100;
  kind.operators = {
      makeOperator("ln1", K::kNorm, 2, 3, 8, 8, {"attn"}, {"input"}),
      makeOperator("attn", K::kAttention, 6, 12, 8, 8, {"attn"}, {"ln1"}),
      makeOperator("tp_attn", K::kCollective, 10, 0, 8, 0, {}, {"attn"}),
      makeOperator("residual1", K::kElementwise, 1, 1, 8, 8, {"fc1"}, {"input", "tp_attn"}),
      makeOperator("fc1", K::kGemm, 5, 10, 16, 16, {"act"}, {"residual1"}),
      makeOperator("act", K::kElementwise, 4, 7, 16, 16, {"act"}, {"fc1"}),
      makeOperator("tp_mlp", K::kCollective, 10, 0, 8, 0, {}, {"act"}),
      makeOperator("residual2", K::kElementwise, 1, 1, 8, 0, {}, {"residual1", "tp_mlp"}),
  };
  kind.windows = {makeWindow("fwd.attn", "tp_attn", 10), makeWindow("fwd.mlp", "tp_mlp", 10),
                  makeWindow("bwd.mlp", "fc1", 10), makeWindow("bwd.attn", "ln1", 10)};
  return kind;
}

// `layers` layers of one kind over `stages` stages, with an embedding and a head.
inline Profile makeProfile(LayerKind kind, int32_t layers, int32_t stages, int32_t microBatches) {
  Profile profile;
  profile.name = "test";
  profile.kinds = {std::move(kind)};
  profile.layers.assign(static_cast<size_t>(layers), 0);
  profile.model.layers = layers;
  profile.parallel.pipeline = stages;
  profile.parallel.tensor = 2;
  profile.parallel.microBatches = microBatches;
  const int64_t inputBytes = profile.kinds[0].inputBytes;
  profile.first.operators = {
      makeOperator("embed", OperatorKind::kElementwise, 1, 1, inputBytes, 0, {}, {})};
  profile.last.operators = {
      makeOperator("head", OperatorKind::kGemm, 3, 6, 32, 32, {"loss"}, {"input"}),
      makeOperator("loss", OperatorKind::kElementwise, 1, 1, 1, 0, {}, {"head"})};
  return profile;
}

// One policy for every layer; the first stages take the remainder. REQUIRES as many layers as the
// schedule has chunks.
inline plan::Plan makePlanOf(const Profile& profile,
                             const std::vector<std::vector<Placement>>& placementsOfKind,
                             const std::string& schedule = "1F1B") {
  plan::Plan plan;
  plan.name = "test";
  plan.policy = "edited";
  plan.model = profile.model;
  plan.parallel = profile.parallel;
  const auto layers = static_cast<int32_t>(profile.layers.size());
  plan.schedule = schedule;
  const int32_t stages =
      plan::chunkCount(plan::scheduleFromName(schedule).value(), profile.parallel.pipeline);
  int32_t next = 0;
  for (int32_t s = 0; s < stages; ++s) {
    plan::StagePlan stage;
    stage.firstLayer = next;
    const int32_t count = layers / stages + (s < layers % stages ? 1 : 0);
    for (int32_t l = 0; l < count; ++l, ++next) {
      plan::LayerPolicy policy;
      policy.placements = placementsOfKind[profile.layers[static_cast<size_t>(next)]];
      stage.layers.push_back(policy);
    }
    plan.stages.push_back(stage);
  }
  return plan;
}

inline std::vector<Placement> keepAll(const LayerKind& kind) {
  return plan::keepAllPlacements(kind);
}

inline std::vector<Placement> recomputeAll(const LayerKind& kind) {
  return plan::fullPlacements(kind);
}

// "ln1=fwd.attn attn=retained act=onDemand", the rest discarded.
inline std::vector<Placement> placements(const LayerKind& kind, const std::string& text) {
  std::vector<Placement> result(kind.operators.size(), Placement{PlacementKind::kDiscarded});
  size_t begin = 0;
  while (begin < text.size()) {
    const size_t end = std::min(text.find(' ', begin), text.size());
    const std::string part = text.substr(begin, end - begin);
    const size_t equals = part.find('=');
    const std::string where = part.substr(equals + 1);
    auto parsed = plan::placementFromText(where);
    if (!parsed) parsed = plan::placementFromText("window:" + where);
    result.at(static_cast<size_t>(kind.indexOf(part.substr(0, equals)))) = parsed.value();
    begin = end + 1;
  }
  return result;
}

using Random = std::mt19937_64;

inline int64_t pick(Random& random, int64_t low, int64_t high) {
  return low + static_cast<int64_t>(random() % static_cast<uint64_t>(high - low + 1));
}

// A layer with the outline of a transformer's (two blocks that end in a collective and a residual
// sum) and random operators, dependencies, times and bytes inside.
inline LayerKind randomLayer(Random& random, int operatorsPerBlock, bool windows = true) {
  LayerKind kind;
  kind.id = "random";
  kind.inputBytes = pick(random, 1, 20);
  kind.staticBytes = pick(random, 0, 200);
  kind.optimizerNs = pick(random, 0, 30);
  std::string blockInput = "input";
  for (const std::string block : {"attn", "mlp"}) {
    std::vector<std::string> ids;
    for (int i = 0; i < operatorsPerBlock; ++i) {
      const std::string id = block == "mlp" && i == 0 ? "fc1" : block + std::to_string(i);
      std::vector<std::string> inputs{ids.empty() ? blockInput : ids.back()};
      if (ids.size() > 1 && pick(random, 0, 2) == 0)
        inputs.push_back(
            ids[static_cast<size_t>(pick(random, 0, static_cast<int64_t>(ids.size()) - 2))]);
      if (pick(random, 0, 7) == 0) inputs.clear();
      ids.push_back(id);
      kind.operators.push_back(makeOperator(id, OperatorKind::kGemm, pick(random, 1, 40),
                                            pick(random, 1, 80), pick(random, 0, 30), 0, {},
                                            inputs));
    }
    kind.operators.push_back(makeOperator("tp_" + block, OperatorKind::kCollective,
                                          pick(random, 1, 40), 0, pick(random, 0, 20), 0, {},
                                          {ids.back()}));
    kind.operators.push_back(makeOperator("residual_" + block, OperatorKind::kElementwise,
                                          pick(random, 1, 4), pick(random, 1, 4), kind.inputBytes,
                                          0, {}, {blockInput, "tp_" + block}));
    blockInput = "residual_" + block;
  }
  for (size_t i = 0; i < kind.operators.size(); ++i) {
    Operator& op = kind.operators[i];
    if (op.kind == OperatorKind::kCollective || pick(random, 0, 3) == 0) continue;
    op.savedBytes = pick(random, 1, 30);
    op.savedFor = {op.id};
    for (size_t j = i + 1; j < kind.operators.size(); ++j) {
      const auto& inputs = kind.operators[j].inputs;
      const bool reads = std::find(inputs.begin(), inputs.end(), op.id) != inputs.end();
      if (reads && pick(random, 0, 1) == 0) op.savedFor.push_back(kind.operators[j].id);
    }
  }
  if (!windows) return kind;
  kind.windows = {makeWindow("fwd.attn", "tp_attn", pick(random, 1, 40)),
                  makeWindow("fwd.mlp", "tp_mlp", pick(random, 1, 40)),
                  makeWindow("bwd.mlp", "fc1", pick(random, 1, 60), pick(random, 0, 10)),
                  makeWindow("bwd.attn", "attn0", pick(random, 1, 60), pick(random, 0, 10))};
  return kind;
}

// Collectives beside the four, as sequence parallelism has them: a gather ahead of some blocks of a
// randomLayer(), at most `mostGathers` of them, and gathers of gradients behind residual sums.
inline void addGathers(Random& random, int mostGathers, LayerKind& kind) {
  for (const std::string block : {"attn", "mlp"}) {
    if (pick(random, 0, 3) > 0) {
      kind.windows.push_back(
          makeWindow("bwd.ag." + block, "residual_" + block, pick(random, 1, 40)));
    }
    if (mostGathers == 0 || pick(random, 0, 1) == 0) continue;
    --mostGathers;
    const std::string blockInput = block == "mlp" ? "residual_attn" : "input";
    const std::string id = "ag_" + block;
    const int first = kind.indexOf(block == "mlp" ? "fc1" : "attn0");
    std::vector<std::string>& inputs = kind.operators[static_cast<size_t>(first)].inputs;
    std::replace(inputs.begin(), inputs.end(), blockInput, id);
    kind.operators.insert(kind.operators.begin() + first,
                          makeOperator(id, OperatorKind::kCollective, pick(random, 1, 40), 0,
                                       pick(random, 0, 20), 0, {}, {blockInput}));
    kind.windows.push_back(makeWindow("fwd.ag." + block, id, pick(random, 1, 40)));
  }
}

// Gathers, ahead of some blocks' weight gradients, of what a randomLayer() read once more.
inline void addRegathers(Random& random, LayerKind& kind) {
  for (const std::string block : {"attn", "mlp"}) {
    const auto& sum = kind.operators[static_cast<size_t>(kind.indexOf("tp_" + block))];
    const std::string after = sum.inputs.front();
    const bool taken = std::any_of(kind.windows.begin(), kind.windows.end(),
                                   [&](const auto& window) { return window.after == after; });
    if (!taken)
      kind.windows.push_back(makeWindow("bwd.regather." + block, after, pick(random, 1, 40)));
  }
}

// Legal placements at random: needed tensors are retained or recomputed, inputs of recomputations
// are there in time.
inline std::vector<Placement> randomPlacements(Random& random, const LayerKind& kind) {
  const plan::LayerGraph graph = plan::graphOf(kind);
  std::vector<Placement> result(kind.operators.size(), Placement{PlacementKind::kRetained});
  // Earliest window, in WindowId order with on demand last, that an operator's inputs allow.
  constexpr int kOnDemandRank = 6;
  std::vector<int> rank(kind.operators.size(), -1);
  for (int16_t i = 0; i < graph.size(); ++i) {
    int earliest = 0;
    for (int16_t input : graph.operators[i].inputs) {
      if (input >= 0) earliest = std::max(earliest, rank[static_cast<size_t>(input)]);
    }
    const bool mlp = graph.readInMlpSegment(i) || graph.operators[i].firstReader < 0;
    std::vector<int> choices{-1};
    for (int window = earliest; window < kOnDemandRank; ++window) {
      const auto id = static_cast<WindowId>(window);
      if (id == WindowId::kOwnBwdMlp && mlp) continue;
      if (id == WindowId::kPipe || graph.hasHost(id)) choices.push_back(window);
    }
    const auto own = static_cast<int>(WindowId::kOwnBwdMlp);
    if (earliest < own || !mlp) choices.push_back(kOnDemandRank);
    rank[static_cast<size_t>(i)] =
        choices[static_cast<size_t>(pick(random, 0, static_cast<int64_t>(choices.size()) - 1))];
    const int chosen = rank[static_cast<size_t>(i)];
    if (chosen == kOnDemandRank)
      result[static_cast<size_t>(i)] = {PlacementKind::kOnDemand};
    else if (chosen >= 0)
      result[static_cast<size_t>(i)] = {PlacementKind::kWindow, static_cast<WindowId>(chosen)};
  }
  return result;
}

// Puts some of the retained tensors on the host, where no recomputation needs them before the
// layer's backward.
inline std::vector<Placement> offloadSome(Random& random, const LayerKind& kind,
                                          std::vector<Placement> placements) {
  const plan::LayerGraph graph = plan::graphOf(kind);
  const auto waits = [&](int16_t consumer) {
    const Placement placement = placements[static_cast<size_t>(consumer)];
    return placement.kind != PlacementKind::kWindow || placement.window == WindowId::kOwnBwdMlp;
  };
  for (int16_t op = 0; op < graph.last(); ++op) {
    Placement& placement = placements[static_cast<size_t>(op)];
    const auto& consumers = graph.operators[op].consumers;
    const bool late = std::all_of(consumers.begin(), consumers.end(), waits);
    if (placement.kind == PlacementKind::kRetained && late && pick(random, 0, 1) == 0)
      placement = {PlacementKind::kOffload};
  }
  return placements;
}

}  // namespace caracal::test
