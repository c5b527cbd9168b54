// What the operations of op-level pipeline tracers are called, and what they are.
#pragma once

#include <optional>
#include <string_view>

#include "core/trace/trace.h"

namespace caracal::import::pipeline {

struct Operation {
  trace::EventKind kind = trace::EventKind::kOther;
  trace::Pass pass = trace::Pass::kNone;
  trace::CollectiveKind collective = trace::CollectiveKind::kNone;
  std::string_view name;      // as docs/trace-conventions.md names it; empty: the tracer's own name
  int8_t towards = 0;         // transfers: +1 the stage after is the peer, -1 the stage before
  bool overReplicas = false;  // a collective of the data-parallel group
};

// Nothing for names that no tracer we know writes.
std::optional<Operation> operationOf(std::string_view name);

// Does a file whose text begins like this come from such a tracer?
bool looksLikePipelineTrace(std::string_view head);

}  // namespace caracal::import::pipeline
