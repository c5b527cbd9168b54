// Progress on stdout: one JSON object a line, flushed at once, for people and for the program that
// started the run. `event` says what a line is: start, step, warning, end or error.
#pragma once

#include <map>
#include <string>

#include "core/base/result.h"
#include "runtime/executor/job.h"
#include "runtime/executor/link_check.h"
#include "runtime/executor/run.h"

namespace caracal::command {

// {"event":"abilities", "cuda":{"problem", "devices":[...]}, "processes":{"problem"}}: the answer
// to
// --abilities, for programs that offer the choice. Fails as all here when stdout is closed.
Result<void> announceAbilities();

// {"event":"start", "runId", "clock", "tag", "model", "policy", "planHash", "ranks", "tp", "pp",
// "dp",
//  "microBatches", "partition", "steps", "record", "launcher"}
// Each fails when stdout is closed.
struct StartNotes {
  std::string record;    // path of the recording; empty: there is none
  std::string launcher;  // comm::LaunchedRank::text()
};
Result<void> announceStart(const executor::Job& job, const executor::RunOptions& options,
                           const std::map<std::string, std::string>& meta, const StartNotes& notes);

// {"event":"step", "step", "loss", "stepNs", "peakBytes", "rankPeakBytes":[...]}
// `records` are those of the step.
Result<void> announceStep(const executor::StepReport& step, const recording::StepRecords& records);

// {"event":"warning", "message"}
Result<void> announceWarning(const std::string& message);

// {"event":"end", "steps", "stopped", "loss", "stepNs", "peakBytes", "ranks":[...], "links":{...}}
// `stopped` is "allSteps" or "signal", then with "signal":"SIGTERM" and "signalledRank" (-1: ranks
// are threads of one process). stepNs is the median, without the first step where there are
// several. `links` says how late emulated transfers ended, on the wall clock only, and of each link
// what transfers took of the time asked for.
Result<void> announceEnd(const executor::RunOptions& options, const executor::RunSummary& summary,
                         const std::vector<executor::LinkFigures>& links);

// {"event":"error", "code", "message"} on stdout, and the words on stderr.
void announceError(const Error& error);

}  // namespace caracal::command
