// Which kernels are communication: a table of name parts, matched case-insensitively, that the user
// can see and extend.
//
// The default table holds NVIDIA's and AMD's libraries and the kernels of others that are known to
// move data between GPUs: MSCCL, NVSHMEM, DeepEP, vLLM's and PyTorch's own all-reduces, Transformer
// Engine's userbuffers. For more, copy resources/comm_kernels.json, add the parts that your
// kernels' names carry, and pass the copy with `--comm-kernels FILE`. The file replaces the table.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"
#include "core/trace/trace.h"

namespace caracal::analysis {

struct CommNames {
  // Lower case.
  std::vector<std::string> parts{"nccl",
                                 "rccl",
                                 "msccl",
                                 "nvshmem",
                                 "ep::internode",
                                 "ep::intranode",
                                 "cross_device_reduce",
                                 "shot_all_reduce",
                                 "multimem_all",
                                 "allreduce_fusion",
                                 "userbuffers"};
  bool matches(std::string_view kernelName) const;
};

// Reads {"schema": "caracal.comm-kernels/1", "parts": ["nccl", ...]}; parts are lowered here.
Result<CommNames> loadCommNames(const std::string& path);

// The collective that a communication kernel's name tells: "ncclDevKernel_AllReduce_..." ->
// kAllReduce, "multimem_all_gather_kernel" -> kAllGather. kGeneric when the name does not say.
// Algorithm and protocol parts of such names are not reliable and not read.
trace::CollectiveKind collectiveOfKernel(std::string_view kernelName);

// CommNames::matches() for the names of one trace, each looked at once. Not thread-safe; must not
// outlive the trace.
class CommKernelFilter {
 public:
  CommKernelFilter(const trace::Trace& trace, const CommNames& comm);
  // Whether the event is a kernel that communicates.
  bool isCommKernel(trace::EventIndex event);

 private:
  enum class Verdict : char { kUnknown, kNo, kYes };
  const trace::Trace& m_trace;
  const CommNames& m_comm;
  std::vector<Verdict> m_verdicts;  // per NameId
};

}  // namespace caracal::analysis
