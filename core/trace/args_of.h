// The arguments of an event for readers that take absent ones for defaults.
#pragma once

#include "core/trace/trace.h"

namespace caracal::trace {

inline EventArgs argsOf(const Trace& trace, EventIndex event) {
  return trace.args(event).value_or(EventArgs{});
}

}  // namespace caracal::trace
