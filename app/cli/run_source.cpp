#include "app/cli/run_source.h"

#include <array>
#include <fstream>
#include <string_view>

#include "app/cli/load.h"
#include "core/analysis/prepared_run.h"
#include "core/analysis/step_model.h"
#include "core/plan/plan_json.h"

namespace caracal::cli {
namespace {

// Plans name their schema near the start; traces may be large and are not read for this.
bool looksLikePlan(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::array<char, 512> head{};
  in.read(head.data(), head.size());
  const std::string_view text(head.data(), static_cast<size_t>(in.gcount()));
  return text.find(plan::kPlanSchema) != std::string_view::npos;
}

Result<analysis::RunSummary> summarizePlan(const std::string& path, const std::string& profilePath,
                                           Console& console) {
  if (profilePath.empty()) {
    return fail(ErrorCode::kCannotAnswer,
                "{} is a plan; name the profile it was made for with --profile", path);
  }
  CARACAL_TRY(prediction, predict(profilePath, path, {sim::TraceDetail::kOperators}, console.stop));
  return summarizePrediction(prediction);
}

}  // namespace

Result<ComparedRun> readRun(const std::string& path, const std::string& profilePath,
                            Console& console) {
  if (looksLikePlan(path)) {
    CARACAL_TRY(summary, summarizePlan(path, profilePath, console));
    return ComparedRun{summary, std::nullopt};
  }
  CARACAL_TRY(loaded, loadRun({path}, console));
  CARACAL_TRY(names, commNames({}));
  const auto trace = analysis::prepareRun(loaded.trace, names).trace;
  ComparedRun run{tl::unexpected(Error{}), deviceRun(path, *trace, names)};
  if (auto model = analysis::buildStepModel(*trace)) {
    run.summary = analysis::summarizeRun(*trace, *model);
  } else {
    run.summary = tl::unexpected(at(model.error(), path));
  }
  return run;
}

}  // namespace caracal::cli
