// A schedule trace as a recording file: how a predicted timeline is kept, opened and compared like
// a measured one.
#pragma once

#include <string>

#include "core/base/result.h"
#include "core/trace/trace.h"

namespace caracal::recording {

// Writes operators, passes, steps and memory of a trace that follows docs/trace-conventions.md;
// meta and tag go along. Tracks of other kinds (GPU streams, host threads) have no place in a
// recording: a trace without any schedule work is refused with kUnsupported.
Result<void> writeTrace(const trace::Trace& trace, const std::string& path);

}  // namespace caracal::recording
