// --hint FILE: what a trace does not tell of a run's structure (core/analysis/structure.h).
#pragma once

#include <memory>
#include <string>

#include "core/analysis/structure.h"
#include "core/base/result.h"
#include "core/trace/trace.h"

namespace CLI {
class App;
}

namespace caracal::cli {

// `path` must outlive the command.
void addHintOption(CLI::App& command, std::string& path);

struct HintedTrace {
  std::shared_ptr<const trace::Trace> trace;
  analysis::StructureHint hint;
};

// The trace with the file's hint; `trace` itself where `path` is empty.
Result<HintedTrace> withHint(std::shared_ptr<const trace::Trace> trace, const std::string& path);

}  // namespace caracal::cli
