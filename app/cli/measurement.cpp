#include "app/cli/measurement.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <set>

#include "app/cli/load.h"
#include "app/cli/program.h"
#include "app/cli/run_source.h"
#include "core/profile/profile_from_trace.h"
#include "core/profile/profile_json.h"

namespace caracal::cli {
namespace {

std::string linkArgument(const profile::Link& link) {
  return fmt::format("{}ns,{:.0f}B/s", link.latencyNs, link.bytesPerSecond);
}

// The run's links are those of the profile, so that prediction and run speak of one machine.
std::vector<std::string> runArguments(const MeasureRequest& request,
                                      const profile::Profile& profile) {
  std::vector<std::string> arguments{"--plan",    request.plan,
                                     "--profile", request.profile,
                                     "--steps",   std::to_string(request.steps),
                                     "--record",  request.recording};
  if (!request.clock.empty()) arguments.insert(arguments.end(), {"--clock", request.clock});
  const auto addLink = [&](const char* name, const profile::Link& link) {
    if (link.bytesPerSecond > 0) arguments.insert(arguments.end(), {name, linkArgument(link)});
  };
  addLink("--link-tensor", profile.tensorLink);
  addLink("--link-pipeline", profile.pipelineLink);
  addLink("--link-data", profile.dataLink);
  return arguments;
}

// caracal-run reports with one JSON object a line; a finished step is {"event": "step", "step": n,
// ...}.
void showProgress(std::string_view line, int steps, const Progress& progress, Console& console) {
  const auto record = nlohmann::json::parse(line, nullptr, false);
  if (!record.is_object()) return;
  const std::string event = record.value("event", "");
  if (event == "warning") warn(console, record.value("message", ""));
  if (event != "step") return;
  const int done = record.value("step", 0) + 1;
  report(progress, static_cast<double>(done) / steps,
         fmt::format("step {} of {}, loss {:.3f}", done, steps, record.value("loss", 0.0)));
}

Result<void> train(const MeasureRequest& request, const profile::Profile& profile,
                   Console& console) {
  CARACAL_TRY(program, findProgram("caracal-run"));
  ProgressLine line(console);
  const Progress progress = line.callback();
  const auto onLine = [&](std::string_view text) {
    showProgress(text, request.steps, progress, console);
  };
  CARACAL_TRY(code,
              runProgram({program, runArguments(request, profile), {}}, onLine, console.stop));
  if (code != 0) return fail(ErrorCode::kIo, "caracal-run ended with exit code {}", code);
  return {};
}

// Only like is compared with like: a plan made for other hardware is predicted again with operator
// times of the run itself.
Result<Measurement> onThisHardware(const trace::Trace& recording, const analysis::StepModel& steps,
                                   const Prediction& prediction, Measurement measurement) {
  CARACAL_TRY(profile, profile::profileFromRecording(recording, steps));
  plan::Plan plan = prediction.plan;
  plan.profileHash = profile::hashOf(profile);
  CARACAL_TRY(result, sim::simulate(profile, plan, {sim::TraceDetail::kOperators}));
  CARACAL_TRY(predicted, summarizePrediction({profile, plan, result}));
  measurement.predicted = predicted;
  measurement.note = fmt::format(
      "the profile is of {}; this ran on {}, so the prediction was made again from this run's own "
      "operator times",
      prediction.profile.hardware, measurement.measured.hardware);
  return measurement;
}

// Of the first rank of every tensor-parallel group, which stands for its stage, in a mean step
// without the first, which warms up.
int64_t windowRecomputeNsOf(const trace::Trace& trace) {
  int64_t totalNs = 0;
  std::set<int32_t> steps;
  for (const trace::Track& track : trace.tracks()) {
    if (trace.ranks()[track.rank].tensorIndex != 0) continue;
    for (trace::EventIndex e = track.firstEvent; e < track.firstEvent + track.eventCount; ++e) {
      if (!trace::isScheduleWork(trace.kind(e))) continue;
      const auto args = trace.args(e);
      if (!args || args->step < 1) continue;
      steps.insert(args->step);
      if (trace.kind(e) == trace::EventKind::kRecompute && args->window > 0)
        totalNs += trace.durationNs(e);
    }
  }
  return steps.empty() ? 0 : totalNs / static_cast<int64_t>(steps.size());
}

}  // namespace

Result<Measurement> measure(const MeasureRequest& request, const Prediction& prediction,
                            Console& console) {
  CARACAL_CHECK_OK(train(request, prediction.profile, console));
  CARACAL_TRY(predicted, summarizePrediction(prediction));
  CARACAL_TRY(loaded, loadRun({request.recording}, console));
  CARACAL_TRY(steps, analysis::buildStepModel(*loaded.trace));
  Measurement measurement{predicted,
                          analysis::summarizeRun(*loaded.trace, steps),
                          windowRecomputeNsOf(*loaded.trace),
                          {}};
  const std::string& hardware = measurement.measured.hardware;
  if (hardware.empty() || hardware == prediction.profile.hardware) return measurement;
  return onThisHardware(*loaded.trace, steps, prediction, measurement);
}

double predictionErrorPct(const Measurement& measurement) {
  return analysis::changePct(measurement.measured.stepNs, measurement.predicted.stepNs);
}

}  // namespace caracal::cli
