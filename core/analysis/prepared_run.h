// A run ready for analysis across ranks: recordings told apart, all ranks on one clock, passes of
// micro-batches marked where they can be told (gpu_passes.h). Loading gives a Trace; everything
// that compares ranks or asks for stages starts from a PreparedRun.
#pragma once

#include <memory>
#include <stop_token>

#include "core/analysis/clock.h"
#include "core/analysis/collectives.h"
#include "core/analysis/comm_names.h"
#include "core/analysis/transfers.h"
#include "core/trace/trace.h"

namespace caracal::analysis {

struct PreparedRun {
  std::shared_ptr<const trace::Trace> trace;  // on the common clock, passes marked
  ClockModel clocks;                          // what was found and done to get there
  CollectiveMatching collectives;             // of `trace`
  TransferMatching transfers;                 // of `trace`
};

// REQUIRES: trace is not null. Once `stop` is requested it returns soon, with a result that is not
// complete and not to be used.
PreparedRun prepareRun(std::shared_ptr<const trace::Trace> trace, const CommNames& comm,
                       const std::stop_token& stop = {});

}  // namespace caracal::analysis
