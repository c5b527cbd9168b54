#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <utility>

#include "core/analysis/gpu_passes.h"
#include "core/base/statistics.h"
#include "core/profile/kernel_layers.h"
#include "core/profile/profile_from_trace.h"
#include "core/profile/step_ends.h"

namespace caracal::profile {
namespace {

constexpr double kSameKindTolerance = 0.01;

int64_t scaled(int64_t ns, double factor) {
  return std::llround(static_cast<double>(ns) * factor);
}

struct Scale {
  double forward = 1;
  double backward = 1;
};

bool sameWithinTolerance(const Scale& a, const Scale& b) {
  const auto close = [](double x, double y) {
    return std::abs(x - y) <= kSameKindTolerance * std::min(x, y);
  };
  return close(a.forward, b.forward) && close(a.backward, b.backward);
}

enum class Collectives : uint8_t { kEstimated, kMeasured };

void scaleOperators(std::vector<Operator>& operators, const Scale& scale, Collectives collectives) {
  for (Operator& op : operators) {
    if (op.kind == OperatorKind::kCollective && collectives == Collectives::kMeasured) continue;
    op.forwardNs = scaled(op.forwardNs, scale.forward);
    op.backwardNs = scaled(op.backwardNs, scale.backward);
  }
}

LayerKind scaledKind(LayerKind kind, const Scale& scale, Collectives collectives) {
  scaleOperators(kind.operators, scale, collectives);
  if (collectives == Collectives::kMeasured) return kind;
  for (Window& window : kind.windows) {
    const double factor = window.id.starts_with("fwd.") ? scale.forward : scale.backward;
    window.transferNs = scaled(window.transferNs, factor);
    window.overlappedNs = scaled(window.overlappedNs, factor);
  }
  return kind;
}

std::vector<int32_t> evenLayers(int32_t layers, int32_t stages) {
  std::vector<int32_t> result;
  for (int32_t s = 0; s < stages; ++s)
    result.push_back(layers / stages + (s < layers % stages ? 1 : 0));
  return result;
}

// The description as the trace shows the job: replicas, stages and micro-batches are the trace's.
Result<ModelDescription> fitted(ModelDescription description, const trace::Trace& trace,
                                const analysis::StepModel& model) {
  ParallelShape& parallel = description.parallel;
  if (model.chunks > 1) {
    return fail(
        ErrorCode::kUnsupported,
        "the trace shows an interleaved schedule ({} model chunks per stage): it can be shown "
        "and analysed, but planning for interleaved schedules is not supported yet",
        model.chunks);
  }
  if (parallel.pipeline != 1 && parallel.pipeline != model.stageCount) {
    return fail(
        ErrorCode::kInvalidInput,
        "the model description says pp {}, the trace shows {} stages; correct the description",
        parallel.pipeline, model.stageCount);
  }
  const std::string tensor = trace.metaOr("tp", "");
  if (!tensor.empty() && tensor != std::to_string(parallel.tensor)) {
    return fail(ErrorCode::kInvalidInput,
                "the model description says tp {}, the trace says tp {}; correct the description",
                parallel.tensor, tensor);
  }
  if (model.tensorSize > 1 && model.tensorSize != parallel.tensor) {
    return fail(
        ErrorCode::kInvalidInput,
        "the model description says tp {}, the trace shows {} tensor-parallel ranks; correct "
        "the description",
        parallel.tensor, model.tensorSize);
  }
  if (model.microBatches <= 0 || static_cast<int32_t>(model.stages.size()) != model.stageCount) {
    return fail(ErrorCode::kCannotAnswer,
                "the trace has no complete step of all {} stages with one number of micro-batches; "
                "open the traces of all stages",
                model.stageCount);
  }
  parallel.pipeline = model.stageCount;
  parallel.data = model.replicaCount;
  parallel.microBatches = model.microBatches;
  CARACAL_CHECK_OK(validate(description));
  if (description.gpu.empty()) {
    return fail(ErrorCode::kInvalidInput,
                "the model description names no \"gpu\"; operators inside the measured stages are "
                "estimated for one, so add for example \"gpu\": \"a100-80gb\"");
  }
  return description;
}

Result<std::vector<int32_t>> checkedPartition(std::vector<int32_t> layersOfStage,
                                              const ModelDescription& description) {
  const int32_t stages = description.parallel.pipeline;
  if (layersOfStage.empty()) return evenLayers(description.shape.layers, stages);
  const auto sum = std::accumulate(layersOfStage.begin(), layersOfStage.end(), int32_t{0});
  const bool positive =
      std::all_of(layersOfStage.begin(), layersOfStage.end(), [](int32_t n) { return n > 0; });
  if (static_cast<int32_t>(layersOfStage.size()) != stages || sum != description.shape.layers ||
      !positive) {
    return fail(ErrorCode::kInvalidInput,
                "the layers per stage must be {} positive numbers that add up to {} layers", stages,
                description.shape.layers);
  }
  return layersOfStage;
}

class StageProfiler {
 public:
  // `kernels`: what fitToKernels() has put into the estimate, per stage; empty: nothing.
  StageProfiler(const analysis::StepModel& model, std::vector<int32_t> partition, Profile estimate,
                std::vector<StageLayers> kernels)
      : m_model(model),
        m_partition(std::move(partition)),
        m_profile(std::move(estimate)),
        m_kernels(std::move(kernels)) {}

  Profile run() && {
    std::vector<Scale> scales;
    for (const analysis::StageSummary& stage : m_model.stages) scales.push_back(scaleOf(stage));
    scaleOperators(m_profile.first.operators, scales.front(), collectives());
    scaleOperators(m_profile.last.operators, scales.back(), collectives());
    makeKinds(scales);
    observe();
    return std::move(m_profile);
  }

 private:
  Collectives collectives() const {
    return m_kernels.empty() ? Collectives::kEstimated : Collectives::kMeasured;
  }

  // How much longer the stage took than the estimate says, model ends and collectives included; of
  // measured collectives the rest is compared, and recomputation is no part of a backward pass.
  Scale scaleOf(const analysis::StageSummary& stage) const {
    int64_t forwardNs = 0;
    int64_t backwardNs = 0;
    int64_t forwardFixedNs = 0;
    int64_t backwardFixedNs = 0;
    forEachLayer(static_cast<size_t>(stage.stage), [&](size_t layer) {
      const LayerKind& kind = m_profile.kinds[m_profile.layers[layer]];
      forwardNs += kind.forwardNs();
      backwardNs += kind.backwardNs();
      if (m_kernels.empty()) return;
      forwardFixedNs += kind.forwardNs();
      backwardFixedNs += kind.backwardNs();
      for (const Operator& op : kind.operators) {
        if (op.kind == OperatorKind::kCollective) continue;
        forwardFixedNs -= op.forwardNs;
        backwardFixedNs -= op.backwardNs;
      }
    });
    if (stage.stage == 0) {
      forwardNs += m_profile.first.forwardNs();
      backwardNs += m_profile.first.backwardNs();
    }
    if (stage.stage + 1 == m_model.stageCount) {
      forwardNs += m_profile.last.forwardNs();
      backwardNs += m_profile.last.backwardNs();
    }
    const auto ratio = [](int64_t measured, int64_t estimated) {
      return static_cast<double>(measured) / static_cast<double>(std::max<int64_t>(estimated, 1));
    };
    const double recomputed =
        m_kernels.empty() ? 0
                          : m_kernels[static_cast<size_t>(stage.stage)].backward.recomputedShare;
    const int64_t ownBackwardNs = scaled(stage.backwardNs, 1 - recomputed);
    return {ratio(stage.forwardNs - forwardFixedNs, forwardNs - forwardFixedNs),
            ratio(ownBackwardNs - backwardFixedNs, backwardNs - backwardFixedNs)};
  }

  template <class Visit>
  void forEachLayer(size_t stage, Visit&& visit) const {
    const auto begin = m_partition.begin();
    const auto first = static_cast<size_t>(
        std::accumulate(begin, begin + static_cast<std::ptrdiff_t>(stage), int32_t{0}));
    for (size_t l = 0; l < static_cast<size_t>(m_partition[stage]); ++l) visit(first + l);
  }

  // Groups of stages with the same time per layer.
  static std::vector<std::vector<size_t>> alike(const std::vector<Scale>& scales) {
    std::vector<std::vector<size_t>> groups;
    for (size_t stage = 0; stage < scales.size(); ++stage) {
      const auto group =
          std::find_if(groups.begin(), groups.end(), [&](const std::vector<size_t>& stages) {
            return sameWithinTolerance(scales[stages.front()], scales[stage]);
          });
      if (group == groups.end())
        groups.push_back({stage});
      else
        group->push_back(stage);
    }
    return groups;
  }

  // The kinds of a group's layers, by the mean of its stages.
  void makeKinds(const std::vector<Scale>& scales) {
    const std::vector<LayerKind> estimates = std::exchange(m_profile.kinds, {});
    const auto groups = alike(scales);
    for (const std::vector<size_t>& stages : groups) {
      Scale mean{0, 0};
      std::vector<std::string> names;
      for (size_t stage : stages) {
        mean.forward += scales[stage].forward / static_cast<double>(stages.size());
        mean.backward += scales[stage].backward / static_cast<double>(stages.size());
        names.push_back(std::to_string(stage));
      }
      std::map<uint32_t, uint32_t> scaledOf;  // estimated kind -> kind of this group
      const auto scaleLayer = [&](size_t layer) {
        uint32_t& kind = m_profile.layers[layer];
        const auto [found, isNew] =
            scaledOf.try_emplace(kind, static_cast<uint32_t>(m_profile.kinds.size()));
        if (isNew) {
          m_profile.kinds.push_back(scaledKind(estimates[kind], mean, collectives()));
          if (groups.size() > 1) {
            m_profile.kinds.back().id =
                fmt::format("{}.stage{}", estimates[kind].id, fmt::join(names, "+"));
          }
        }
        kind = found->second;
      };
      for (size_t stage : stages) forEachLayer(stage, scaleLayer);
    }
  }

  void observe() {
    if (m_model.forwardSendNs > 0) m_profile.sendForwardNs = m_model.forwardSendNs;
    if (m_model.backwardSendNs > 0) m_profile.sendBackwardNs = m_model.backwardSendNs;
    for (const analysis::StageSummary& stage : m_model.stages) {
      m_profile.observed.push_back({stage.stage, m_partition[static_cast<size_t>(stage.stage)],
                                    stage.forwardNs, stage.backwardNs, 0});
    }
    std::vector<int64_t> stepsNs;
    for (const analysis::StepSummary& step : m_model.steps) stepsNs.push_back(step.stepNs);
    m_profile.observedStepNs = median(std::move(stepsNs));
  }

  const analysis::StepModel& m_model;
  std::vector<int32_t> m_partition;
  Profile m_profile;
  std::vector<StageLayers> m_kernels;
};

bool showsKernels(const trace::Trace& trace) {
  return trace.meta().count(analysis::kPassesFromKey) > 0;
}

// Of a trace of kernels whose layers tell their times by class; empty for traces of stages.
Result<std::vector<StageLayers>> stageLayers(const trace::Trace& trace,
                                             const analysis::StepModel& model,
                                             const Profile& estimate) {
  std::vector<StageLayers> stages;
  if (!showsKernels(trace)) return stages;
  const bool parts = std::any_of(estimate.kinds.begin(), estimate.kinds.end(),
                                 [](const LayerKind& kind) { return !kind.windows.empty(); });
  const auto collectives = parts ? LayerCollectives::kParts : LayerCollectives::kLeftOut;
  for (int32_t stage = 0; stage < model.stageCount; ++stage) {
    CARACAL_TRY(layers, findStageLayers(trace, model, stage, collectives));
    stages.push_back(std::move(layers));
  }
  return stages;
}

}  // namespace

Result<Profile> profileFromStages(const trace::Trace& trace, const analysis::StepModel& model,
                                  const ModelDescription& description,
                                  std::vector<int32_t> layersOfStage) {
  CARACAL_TRY(job, fitted(description, trace, model));
  CARACAL_TRY(partition, checkedPartition(std::move(layersOfStage), job));
  CARACAL_TRY(hardware, loadHardware(job.gpu));
  CARACAL_TRY(estimate, profileFromModel(job, hardware));
  CARACAL_TRY(kernels, stageLayers(trace, model, estimate));
  if (!kernels.empty()) CARACAL_CHECK_OK(fitToKernels(estimate, kernels, partition));
  std::string plan = observedPlan(kernels);
  Profile profile =
      StageProfiler(model, std::move(partition), std::move(estimate), std::move(kernels)).run();
  if (showsKernels(trace)) fitStepEnds(profile, findStepEnds(trace, model));
  profile.source = trace.ranks().empty() ? "" : trace.ranks().front().file;
  profile.schedule = model.schedule;
  profile.tag = trace::Tag::kEstimated;
  profile.stageTag = trace.tag();
  profile.observedPlan = std::move(plan);
  return profile;
}

}  // namespace caracal::profile
