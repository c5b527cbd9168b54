// What every importer promises about a trace it returns, whatever the bytes were.
#pragma once

#include "core/trace/trace.h"

namespace caracal::fuzz {

// Ends the process, as fuzzers want it, when the promise does not hold.
void require(bool holds, const char* promise);
void requireSoundTrace(const trace::Trace& trace);
// Every index of the trace points somewhere, and all of it can be asked for.
void requireUsableTrace(const trace::Trace& trace);

}  // namespace caracal::fuzz
