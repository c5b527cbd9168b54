#include "app/runs/measurement.h"

#include <fmt/format.h>

#include <cmath>
#include <cstdlib>

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

Result<Measurement> setBesidePrediction(const Prediction& prediction,
                                        const std::vector<analysis::RecordedRun>& recordings,
                                        std::stop_token stop) {
  const auto& [recording, steps] = recordings.front();
  Measurement measurement;
  measurement.measured = analysis::summarizeRuns(recordings);
  measurement.links = linkTimesOf(*recording);
  const std::string why = whyNotAlike(prediction.profile, *recording);
  Prediction alike = prediction;
  if (!why.empty()) {
    CARACAL_TRY(again, predictedFromRun(prediction, *recording, *steps, stop));
    alike = std::move(again);
    measurement.note =
        why + ", so the prediction was made again from this run's own operator times";
  }
  CARACAL_TRY(predictedSteps, analysis::buildStepModel(*alike.result.trace));
  measurement.predicted = summarizePrediction(alike, predictedSteps);
  measurement.predicted.planHash = plan::hashOf(prediction.plan);
  measurement.passes =
      analysis::passDifferences(*alike.result.trace, predictedSteps, *recording, *steps);
  const auto expected = analysis::windowWorks({{alike.result.trace.get(), &predictedSteps}});
  measurement.predictedWindows = analysis::totalsOf(expected, expected);
  measurement.measuredWindows = analysis::totalsOf(analysis::windowWorks(recordings), expected);
  measurement.predictedTrace = alike.result.trace;
  return measurement;
}

Result<Recording> record(const MeasureJob& job, const profile::Profile& profile,
                         const Watch& watch) {
  CARACAL_TRY(command, runCommand(job, profile));
  CARACAL_CHECK_OK(train(command, job.steps, AfterStop::kFinishStep, watch));
  CARACAL_TRY(loaded, import::loadTraces({job.recording}, {}, watch.stop, watch.progress));
  for (const Error& skipped : loaded.skipped) watch.warning("skipped " + skipped.text());
  CARACAL_TRY(steps, analysis::buildStepModel(*loaded.trace));
  return Recording{loaded.trace, std::move(steps)};
}

Result<Measurement> measure(const MeasureJob& job, const Prediction& prediction,
                            const Watch& watch) {
  CARACAL_TRY(recording, record(job, prediction.profile, watch));
  return setBesidePrediction(prediction, {{recording.trace.get(), &recording.steps}}, watch.stop);
}

double errorPct(int64_t predicted, int64_t measured) {
  return analysis::changePct(measured, predicted);
}

double predictionErrorPct(const Measurement& measurement) {
  return errorPct(measurement.predicted.stepNs, measurement.measured.stepNs);
}

}  // namespace caracal::runs
