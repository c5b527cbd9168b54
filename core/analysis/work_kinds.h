// What kind of work an event is, for questions like "what if all send/recv were twice as fast".
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "core/analysis/comm_names.h"
#include "core/trace/trace.h"

namespace caracal::analysis {

enum class WorkKind : uint8_t {
  kGemm,
  kAttention,
  kOtherCompute,
  kPass,  // whole F, B and W passes, where no operators are recorded inside them
  kAllReduce,
  kAllGather,
  kReduceScatter,
  kAllToAll,
  kOtherComm,
  kSendRecv,
  kCopy,
  kHostLaunch,  // calls that launch or wait, and the host's time between them
  kCount
};
inline constexpr size_t kWorkKindCount = static_cast<size_t>(WorkKind::kCount);
std::string_view name(WorkKind kind);  // "gemm", "send-recv", ...: as `--what-if` takes them
std::optional<WorkKind> workKindFromName(std::string_view text);

// By operator id (contracts.md section 1) or by words in the kernel's name: "flash", "fmha",
// "attention" are attention; "gemm", "cutlass", "nvjet", "Cijk_" and the like are GEMMs; what no
// word names is kOtherCompute. Looked up once per name. Must not outlive the trace.
class WorkKinds {
 public:
  WorkKinds(const trace::Trace& trace, const CommNames& comm);
  // REQUIRES: GPU work, schedule work, a pass or a host call.
  WorkKind of(trace::EventIndex event);

 private:
  WorkKind computeKind(trace::NameId name);

  const trace::Trace& m_trace;
  CommKernelFilter m_filter;
  std::vector<WorkKind> m_compute;  // per NameId; kCount: not looked at
};

}  // namespace caracal::analysis
