// Whether what a trace file says can be a trace. Checksums find damage; these find what nobody
// would have written: everything that a Trace indexes or adds up without looking again.
#pragma once

#include <span>
#include <utility>

#include "core/trace/trace_file_layout.h"

namespace caracal::trace::file {

template <class... Args>
tl::unexpected<Error> damaged(fmt::format_string<Args...> format, Args&&... args) {
  return fail(ErrorCode::kInvalidInput, "the trace file is damaged: {}",
              fmt::format(format, std::forward<Args>(args)...));
}

// Times, names, kinds, launches and rows of arguments. REQUIRES sound columns, and all names.
Result<void> checkEvents(const TraceData& data);
// The columns of the arguments. REQUIRES sound columns, all names and groups.
Result<void> checkArgs(const TraceData& data);
Result<void> checkLeaves(std::span<const ActivityLeaf> leaves);

}  // namespace caracal::trace::file
