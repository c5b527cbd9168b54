#include "core/analysis/work_kinds.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <string>

#include "core/analysis/transfers.h"

namespace caracal::analysis {
namespace {

using trace::CollectiveKind;
using trace::EventKind;

constexpr std::array<std::string_view, kWorkKindCount> kNames{
    "gemm",           "attention",  "other-compute", "pass",      "all-reduce", "all-gather",
    "reduce-scatter", "all-to-all", "other-comm",    "send-recv", "copy",       "host-launch"};

constexpr std::array kGemmOperators{"qkv", "proj", "fc1", "fc2", "gate", "head"};
constexpr std::array kAttentionOperators{"attn", "scores", "softmax", "attn_dropout", "context"};
// Lower case. Libraries name their GEMM kernels so: cuBLAS and CUTLASS ("gemm", "cutlass", "xmma",
// "nvjet"), rocBLAS and hipBLASLt ("cijk_"), Triton ("_mm_", "matmul").
constexpr std::array kGemmWords{"gemm", "cutlass", "xmma", "nvjet", "cijk_", "matmul", "_mm_"};
constexpr std::array kAttentionWords{"flash", "fmha", "attention", "attn_", "sdpa"};

template <class Words>
bool isOneOf(std::string_view text, const Words& words) {
  return std::find(words.begin(), words.end(), text) != words.end();
}

template <class Words>
bool holdsOneOf(std::string_view text, const Words& words) {
  return std::any_of(words.begin(), words.end(), [&](std::string_view word) {
    return text.find(word) != std::string_view::npos;
  });
}

WorkKind kindOfCollective(CollectiveKind kind) {
  switch (kind) {
    case CollectiveKind::kAllReduce:
      return WorkKind::kAllReduce;
    case CollectiveKind::kAllGather:
      return WorkKind::kAllGather;
    case CollectiveKind::kReduceScatter:
      return WorkKind::kReduceScatter;
    case CollectiveKind::kAllToAll:
      return WorkKind::kAllToAll;
    case CollectiveKind::kSend:
    case CollectiveKind::kRecv:
    case CollectiveKind::kSendRecv:
      return WorkKind::kSendRecv;
    default:
      return WorkKind::kOtherComm;
  }
}

}  // namespace

std::string_view name(WorkKind kind) {
  return kNames[static_cast<size_t>(kind)];
}

std::optional<WorkKind> workKindFromName(std::string_view text) {
  const auto found = std::find(kNames.begin(), kNames.end(), text);
  if (found == kNames.end()) return std::nullopt;
  return static_cast<WorkKind>(found - kNames.begin());
}

WorkKinds::WorkKinds(const trace::Trace& trace, const CommNames& comm)
    : m_trace(trace), m_filter(trace, comm), m_compute(trace.names().size(), WorkKind::kCount) {}

WorkKind WorkKinds::computeKind(trace::NameId id) {
  WorkKind& known = m_compute[id];
  if (known != WorkKind::kCount) return known;
  const std::string_view name = m_trace.names()[id];
  std::string lower(name);
  for (char& c : lower) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  known = WorkKind::kOtherCompute;
  if (isOneOf(name, kAttentionOperators) || holdsOneOf(lower, kAttentionWords)) {
    known = WorkKind::kAttention;
  } else if (isOneOf(name, kGemmOperators) || holdsOneOf(lower, kGemmWords)) {
    known = WorkKind::kGemm;
  }
  return known;
}

WorkKind WorkKinds::of(trace::EventIndex event) {
  switch (m_trace.kind(event)) {
    case EventKind::kMemcpy:
    case EventKind::kMemset:
      return WorkKind::kCopy;
    case EventKind::kRuntime:
      return WorkKind::kHostLaunch;
    case EventKind::kPass:
      return WorkKind::kPass;
    default:
      break;
  }
  const bool kernel = m_filter.isCommKernel(event);
  if (!kernel && m_trace.kind(event) != EventKind::kComm) return computeKind(m_trace.nameId(event));
  if (transferSide(m_trace, event) != TransferSide::kNone) return WorkKind::kSendRecv;
  const auto args = m_trace.args(event);
  CollectiveKind kind = args ? args->collective : CollectiveKind::kNone;
  if (kind == CollectiveKind::kNone && kernel) kind = collectiveOfKernel(m_trace.name(event));
  return kindOfCollective(kind);
}

}  // namespace caracal::analysis
