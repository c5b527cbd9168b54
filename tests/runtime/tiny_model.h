// A GPT small enough to train in milliseconds, plans for it written as text, and what tests ask of
// a run.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "core/plan/plain_policies.h"
#include "runtime/executor/job.h"
#include "runtime/executor/run.h"

namespace caracal::test {

struct Sizes {
  int32_t tensor = 1, pipeline = 1, data = 1, microBatches = 4;
  int32_t layers = 4;
  double dropout = 0.1;
};

inline profile::ModelDescription tinyModel(const Sizes& sizes = {}) {
  profile::ModelDescription model;
  model.name = "tiny";
  model.shape.layers = sizes.layers;
  model.shape.hidden = 16;
  model.shape.heads = 4;
  model.shape.sequence = 8;
  model.shape.vocabulary = 256;
  model.shape.microBatchSize = 2;
  model.shape.bytesPerElement = 4;
  model.shape.dropout = sizes.dropout;
  model.parallel.tensor = sizes.tensor;
  model.parallel.pipeline = sizes.pipeline;
  model.parallel.data = sizes.data;
  model.parallel.microBatches = sizes.microBatches;
  return model;
}

// Placements of one layer: "ln1=onDemand qkv=window:fwd.attn"; what is not named is retained where
// backward needs it and discarded otherwise. `dropsInput`: LayerPolicy::keepsInput is false.
struct LayerText {
  std::string placements;
  bool dropsInput = false;
};

// A plan document whose layer l has the policy `layerOf(stage, l)`, layers spread evenly.
inline plan::PlanDocument planDocument(
    const profile::ModelDescription& model,
    const std::function<LayerText(int32_t stage, int32_t layer)>& layerOf) {
  plan::PlanDocument document;
  document.plan.name = "by hand";
  document.plan.policy = "edited";
  document.plan.profileHash = "0123456789abcdef";
  document.plan.model = model.shape;
  document.plan.parallel = model.parallel;
  const profile::LayerKind kind = executor::structureHere(model)->kinds.front();
  std::vector<std::string> ids;
  for (const profile::Operator& op : kind.operators) ids.push_back(op.id);
  const plan::LayerPolicy usual{plan::keepAllPlacements(kind)};
  const int32_t perStage = model.shape.layers / model.parallel.pipeline;
  for (int32_t s = 0; s < model.parallel.pipeline; ++s) {
    plan::StagePlan& stage = document.plan.stages.emplace_back();
    stage.firstLayer = s * perStage;
    for (int32_t layer = stage.firstLayer; layer < stage.firstLayer + perStage; ++layer) {
      plan::LayerPolicy policy = usual;
      const LayerText text = layerOf(s, layer);
      policy.keepsInput = !text.dropsInput;
      std::istringstream words(text.placements);
      for (std::string word; words >> word;) {
        const size_t equals = word.find('=');
        const int index = kind.indexOf(word.substr(0, equals));
        policy.placements.at(static_cast<size_t>(index)) =
            *plan::placementFromText(word.substr(equals + 1));
      }
      stage.layers.push_back(policy);
      document.operatorIds.push_back(ids);
    }
  }
  return document;
}

inline const std::string kFullRecompute =
    "ln1=onDemand qkv=onDemand scores=onDemand softmax=onDemand attn_dropout=onDemand "
    "context=onDemand proj=onDemand "
    "tp_attn=onDemand residual1=onDemand ln2=onDemand fc1=onDemand act=onDemand";

// Windows of the forward pass exist on the first of two stages only: the second has one micro-batch
// in flight.
inline LayerText everyForwardWindow(int32_t stage) {
  if (stage == 1)
    return {"ln1=window:prev.bwd.mlp qkv=window:prev.bwd.attn ln2=window:pipe act=onDemand"};
  return {
      "ln1=window:fwd.attn qkv=window:fwd.mlp scores=window:pipe softmax=window:pipe "
      "attn_dropout=window:prev.bwd.mlp context=window:prev.bwd.attn fc1=retained act=onDemand "
      "ln2=window:fwd.attn"};
}

inline executor::RunOptions quickOptions(int32_t steps = 3) {
  executor::RunOptions options;
  options.steps = steps;
  options.clock = comm::ClockKind::kVirtual;
  options.optimizer.learningRate = 0.01F;
  return options;
}

inline Result<executor::RunSummary> train(const executor::Job& job,
                                          const executor::RunOptions& options = quickOptions(),
                                          const executor::StepObserver& observer = {}) {
  const auto text = std::make_shared<const model::TextSource>(model::TextSource::builtIn());
  return executor::run(job, options, text, observer);
}

inline std::vector<double> lossesOf(const executor::RunSummary& summary) {
  std::vector<double> losses;
  for (const executor::StepReport& step : summary.steps) losses.push_back(step.loss);
  return losses;
}

// The weights of the whole model, put together from the shards of all ranks. Where several ranks
// hold the same element, the last one's is taken; disagreementOf() says how far they are apart.
using Weights = std::map<std::string, std::vector<float>>;
inline Weights weightsOf(const executor::RunSummary& summary) {
  Weights weights;
  for (const executor::RankSummary& rank : summary.ranks) {
    for (const model::ParameterSpec& spec : rank.parameters) {
      std::vector<float>& whole = weights[spec.name];
      whole.resize(static_cast<size_t>(spec.globalCount()));
      for (int64_t i = 0; i < spec.count(); ++i) {
        whole[static_cast<size_t>(spec.globalIndex(i))] =
            rank.weights[static_cast<size_t>(spec.offset + i)];
      }
    }
  }
  return weights;
}

// Number of elements that two ranks hold with different values.
inline int64_t disagreementOf(const executor::RunSummary& summary) {
  const Weights weights = weightsOf(summary);
  int64_t different = 0;
  for (const executor::RankSummary& rank : summary.ranks) {
    for (const model::ParameterSpec& spec : rank.parameters) {
      for (int64_t i = 0; i < spec.count(); ++i) {
        const float whole = weights.at(spec.name)[static_cast<size_t>(spec.globalIndex(i))];
        different += whole != rank.weights[static_cast<size_t>(spec.offset + i)];
      }
    }
  }
  return different;
}

}  // namespace caracal::test
