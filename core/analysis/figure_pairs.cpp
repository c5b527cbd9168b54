#include "core/analysis/figure_pairs.h"

#include <algorithm>
#include <array>

#include "core/base/format.h"

namespace caracal::analysis {
namespace {

struct StageFigure {
  std::string_view label;
  FigureUnit unit;
  int64_t (*of)(const StageRun&);
};

constexpr std::array<StageFigure, 7> kStageFigures{{
    {"forward", FigureUnit::kNs, [](const StageRun& s) { return s.forwardNs; }},
    {"backward", FigureUnit::kNs, [](const StageRun& s) { return s.backwardNs; }},
    {"recompute", FigureUnit::kNs,
     [](const StageRun& s) { return s.recomputeHiddenNs + s.recomputeExposedNs; }},
    {"recompute hidden", FigureUnit::kNs, [](const StageRun& s) { return s.recomputeHiddenNs; }},
    {"recompute exposed", FigureUnit::kNs, [](const StageRun& s) { return s.recomputeExposedNs; }},
    {"bubble", FigureUnit::kNs, [](const StageRun& s) { return s.bubbleNs; }},
    {"peak memory", FigureUnit::kBytes, [](const StageRun& s) { return s.peakBytes; }},
}};

}  // namespace

std::vector<FigurePair> figurePairs(const RunSummary& first, const RunSummary& second) {
  std::vector<FigurePair> pairs{{-1, "step", FigureUnit::kNs, first.stepNs, second.stepNs}};
  if (first.pipelineNs != 0 || second.pipelineNs != 0)
    pairs.push_back({-1, "pipeline window", FigureUnit::kNs, first.pipelineNs, second.pipelineNs});
  for (const StageRun& stage : first.stages) {
    const auto same = std::find_if(second.stages.begin(), second.stages.end(),
                                   [&](const StageRun& s) { return s.stage == stage.stage; });
    if (same == second.stages.end()) continue;
    for (const StageFigure& figure : kStageFigures) {
      const FigurePair pair{stage.stage, figure.label, figure.unit, figure.of(stage),
                            figure.of(*same)};
      if (pair.first != 0 || pair.second != 0) pairs.push_back(pair);
    }
  }
  return pairs;
}

std::string figureText(FigureUnit unit, int64_t value) {
  return unit == FigureUnit::kBytes ? formatBytes(value) : formatDuration(value);
}

}  // namespace caracal::analysis
