// caracal-run as a function: parses, loads, runs, records and reports.
#pragma once

namespace caracal::command {

// Returns the exit code: 0 done (or ended by a signal after a step), 1 failed, 2 usage.
int caracalRun(int argc, const char* const* argv);

}  // namespace caracal::command
