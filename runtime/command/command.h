// caracal-run as a function: parses, loads, runs, records and reports.
#pragma once

namespace caracal::command {

// Returns the exit code: 0 done, 1 failed, 2 usage, 130 or 143 when SIGINT or SIGTERM ended the
// run.
int caracalRun(int argc, const char* const* argv);

}  // namespace caracal::command
