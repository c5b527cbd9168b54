#include "app/runs/measurement.h"

#include <fmt/format.h>

#include <cmath>
#include <cstdlib>
#include <set>

#include "core/import/importer.h"
#include "core/profile/link_text.h"
#include "core/profile/profile_from_trace.h"
#include "core/profile/profile_json.h"

namespace caracal::runs {
namespace {

using analysis::StepModel;
using profile::Link;
using profile::Profile;

// The link that the recording says it ran with; none: it does not say.
std::optional<Link> recordedLink(const trace::Trace& recording, const std::string& name) {
  const std::string latency = recording.metaOr("link." + name + ".latencyNs", "");
  const std::string rate = recording.metaOr("link." + name + ".bytesPerSecond", "");
  if (latency.empty() || rate.empty()) return std::nullopt;
  const auto link = profile::parseLink(latency + "ns," + rate + "B/s");
  return link ? std::optional<Link>(*link) : std::nullopt;
}

double metaNumber(const trace::Trace& recording, const std::string& key) {
  return std::strtod(recording.metaOr(key, "0").c_str(), nullptr);
}

// Why the profile's own prediction does not speak of this run; empty: it does.
std::string whyNotAlike(const Profile& profile, const trace::Trace& recording) {
  const std::string hardware = recording.metaOr("hardware", "");
  if (!hardware.empty() && hardware != profile.hardware)
    return fmt::format("the profile is of {}; this ran on {}", profile.hardware, hardware);
  const auto differs = [&](int32_t members, const char* name, const Link& ofProfile) {
    const auto link = recordedLink(recording, name);
    if (members < 2 || !link || ofProfile.bytesPerSecond <= 0) return false;
    constexpr double kRounding = 1e-6;  // profiles fit their bandwidth
    const double difference = std::abs(link->bytesPerSecond - ofProfile.bytesPerSecond);
    return link->latencyNs != ofProfile.latencyNs ||
           difference > kRounding * ofProfile.bytesPerSecond;
  };
  const profile::ParallelShape& parallel = profile.parallel;
  if (differs(parallel.tensor, "tensor", profile.tensorLink) ||
      differs(parallel.pipeline, "pipeline", profile.pipelineLink) ||
      differs(parallel.data, "data", profile.dataLink))
    return "this ran with other links than the profile's";
  return {};
}

// Only like is compared with like: a plan made for other hardware or links is predicted again with
// operator times of the run itself.
Result<Prediction> predictedFromRun(const Prediction& prediction, const trace::Trace& recording,
                                    const StepModel& steps, std::stop_token stop) {
  CARACAL_TRY(profile, profile::profileFromRecording(recording, steps));
  plan::Plan plan = prediction.plan;
  plan.profileHash = profile::hashOf(profile);
  CARACAL_TRY(result, sim::simulate(profile, plan, {sim::TraceDetail::kOperators}, stop));
  return Prediction{profile, plan, result};
}

// Of the first rank of every tensor-parallel group, which stands for its stage, in a mean step from
// `firstStep` on.
int64_t windowRecomputeNsOf(const trace::Trace& trace, int32_t firstStep) {
  int64_t totalNs = 0;
  std::set<int32_t> steps;
  for (const trace::Track& track : trace.tracks()) {
    if (trace.ranks()[track.rank].tensorIndex != 0) continue;
    for (trace::EventIndex e = track.firstEvent; e < track.firstEvent + track.eventCount; ++e) {
      if (!trace::isScheduleWork(trace.kind(e))) continue;
      const auto args = trace.args(e);
      if (!args || args->step < firstStep) continue;
      steps.insert(args->step);
      if (trace.kind(e) == trace::EventKind::kRecompute && args->window > 0)
        totalNs += trace.durationNs(e);
    }
  }
  return steps.empty() ? 0 : totalNs / static_cast<int64_t>(steps.size());
}

}  // namespace

std::vector<LinkTimes> linkTimesOf(const trace::Trace& recording) {
  std::vector<LinkTimes> times;
  for (const char* link : {"tensor", "pipeline", "data"}) {
    const std::string of = std::string(".") + link;
    const auto transfers = static_cast<int64_t>(metaNumber(recording, "linkTransfers" + of));
    if (transfers == 0) continue;
    times.push_back({link, transfers, metaNumber(recording, "linkMedianRatio" + of),
                     metaNumber(recording, "linkWorstRatio" + of)});
  }
  return times;
}

Result<Measurement> setBesidePrediction(const Prediction& prediction, const trace::Trace& recording,
                                        const StepModel& steps, std::stop_token stop) {
  Measurement measurement;
  measurement.measured = analysis::summarizeRun(recording, steps);
  measurement.windowRecomputeNs = windowRecomputeNsOf(recording, 1);  // the first warms up
  measurement.links = linkTimesOf(recording);
  const std::string why = whyNotAlike(prediction.profile, recording);
  Prediction alike = prediction;
  if (!why.empty()) {
    CARACAL_TRY(again, predictedFromRun(prediction, recording, steps, stop));
    alike = std::move(again);
    measurement.note =
        why + ", so the prediction was made again from this run's own operator times";
  }
  CARACAL_TRY(predictedSteps, analysis::buildStepModel(*alike.result.trace));
  measurement.predicted = summarizePrediction(alike, predictedSteps);
  measurement.predicted.planHash = plan::hashOf(prediction.plan);
  measurement.passes =
      analysis::passDifferences(*alike.result.trace, predictedSteps, recording, steps);
  measurement.predictedWindowRecomputeNs = windowRecomputeNsOf(*alike.result.trace, 0);
  measurement.predictedTrace = alike.result.trace;
  return measurement;
}

Result<Measurement> measure(const MeasureJob& job, const Prediction& prediction,
                            const Watch& watch) {
  CARACAL_CHECK_OK(
      train(runArguments(job, prediction.profile), job.steps, AfterStop::kFinishStep, watch));
  CARACAL_TRY(loaded, import::loadTraces({job.recording}, {}, watch.stop, watch.progress));
  for (const Error& skipped : loaded.skipped) watch.warning("skipped " + skipped.text());
  CARACAL_TRY(steps, analysis::buildStepModel(*loaded.trace));
  return setBesidePrediction(prediction, *loaded.trace, steps, watch.stop);
}

double errorPct(int64_t predicted, int64_t measured) {
  return analysis::changePct(measured, predicted);
}

double predictionErrorPct(const Measurement& measurement) {
  return errorPct(measurement.predicted.stepNs, measurement.measured.stepNs);
}

}  // namespace caracal::runs
