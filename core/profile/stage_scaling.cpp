#include "core/profile/stage_scaling.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include "core/base/statistics.h"

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

class StageProfiler {
 public:
  StageProfiler(const analysis::StepModel& model, StagePartition partition, Profile estimate,
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
    m_partition.forEachLayer(static_cast<size_t>(stage.stage), [&](size_t layer) {
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
      for (size_t stage : stages) m_partition.forEachLayer(stage, scaleLayer);
    }
  }

  void observe() {
    if (m_model.forwardSendNs > 0) m_profile.sendForwardNs = m_model.forwardSendNs;
    if (m_model.backwardSendNs > 0) m_profile.sendBackwardNs = m_model.backwardSendNs;
    const std::vector<int32_t> layers = m_partition.layersOfStages();
    for (const analysis::StageSummary& stage : m_model.stages) {
      m_profile.observed.push_back({stage.stage, layers[static_cast<size_t>(stage.stage)],
                                    stage.forwardNs, stage.backwardNs, 0});
    }
    std::vector<int64_t> stepsNs;
    for (const analysis::StepSummary& step : m_model.steps) stepsNs.push_back(step.stepNs);
    m_profile.observedStepNs = median(std::move(stepsNs));
  }

  const analysis::StepModel& m_model;
  StagePartition m_partition;
  Profile m_profile;
  std::vector<StageLayers> m_kernels;
};

}  // namespace

Profile scaledToStages(const analysis::StepModel& model, const StagePartition& partition,
                       Profile estimate, const std::vector<StageLayers>& kernels) {
  return StageProfiler(model, partition, std::move(estimate), kernels).run();
}

}  // namespace caracal::profile
