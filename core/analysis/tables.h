// The tables that `caracal analyze --table NAME` and the app export, by name.
#pragma once

#include <cstdint>
#include <stop_token>
#include <string_view>
#include <vector>

#include "core/analysis/comm_names.h"
#include "core/analysis/data_table.h"
#include "core/analysis/prepared_run.h"
#include "core/analysis/stream_gaps.h"
#include "core/analysis/structure.h"
#include "core/base/result.h"
#include "core/trace/trace.h"

namespace caracal::analysis {

struct TableRequest {
  const PreparedRun& run;
  const CommNames& comm;
  int64_t kernelGapNs = kDefaultKernelGapNs;  // idle-breakdown: shorter gaps are kernel_wait
  StructureHint hint = {};  // that the run was prepared with, named as a source in `structure`
  std::stop_token stop = {};

  const trace::Trace& trace() const { return *run.trace; }
};

struct TableKind {
  std::string_view name;
  std::string_view sentence;  // what its rows are
  Result<DataTable> (*make)(const TableRequest& request);
};

// In the order in which they are listed.
const std::vector<TableKind>& tableKinds();
// kNotFound names the tables that there are; kCancelled: request.stop was requested, which is
// noticed within one track of the trace.
Result<DataTable> makeTable(std::string_view name, const TableRequest& request);

}  // namespace caracal::analysis
