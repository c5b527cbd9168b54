#include "core/import/pipeline/operation_names.h"

#include <unordered_map>

namespace caracal::import::pipeline {
namespace {

using trace::CollectiveKind;
using trace::EventKind;
using trace::Pass;

constexpr Operation passOf(Pass pass, std::string_view name) {
  return {.kind = EventKind::kPass, .pass = pass, .name = name};
}
constexpr Operation transfer(CollectiveKind kind, std::string_view name, int8_t towards) {
  return {.kind = EventKind::kComm, .collective = kind, .name = name, .towards = towards};
}
constexpr Operation collective(CollectiveKind kind, bool overReplicas) {
  return {.kind = EventKind::kComm, .collective = kind, .overReplicas = overReplicas};
}

// ByteDance's tracer (github.com/ByteDance-Seed/StragglerAnalysis) writes the names with a dash,
// MegatronApp's (github.com/OpenSQZ/MegatronApp) plain "forward" and "backward".
const std::unordered_map<std::string_view, Operation>& operations() {
  static const std::unordered_map<std::string_view, Operation> kOperations{
      {"forward", passOf(Pass::kForward, "F")},
      {"backward", passOf(Pass::kBackward, "B")},
      {"forward-compute", passOf(Pass::kForward, "F")},
      {"backward-compute", passOf(Pass::kBackward, "B")},
      {"forward-send", transfer(CollectiveKind::kSend, "send.fwd", +1)},
      {"forward-recv", transfer(CollectiveKind::kRecv, "recv.fwd", -1)},
      {"backward-send", transfer(CollectiveKind::kSend, "send.bwd", -1)},
      {"backward-recv", transfer(CollectiveKind::kRecv, "recv.bwd", +1)},
      {"grads-reduce-scatter", collective(CollectiveKind::kReduceScatter, true)},
      {"grads-all-reduce", collective(CollectiveKind::kAllReduce, true)},
      {"params-all-gather", collective(CollectiveKind::kAllGather, true)},
      {"layernorm-grads-all-reduce", collective(CollectiveKind::kAllReduce, false)},
      {"embedding-grads-all-reduce", collective(CollectiveKind::kAllReduce, false)},
      {"optimizer-clip-main-grad", collective(CollectiveKind::kAllReduce, false)},
      {"optimizer", {.kind = EventKind::kCompute, .pass = Pass::kOptimizer}},
      {"gc", {.kind = EventKind::kOther}},
  };
  return kOperations;
}

bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

}  // namespace

std::optional<Operation> operationOf(std::string_view name) {
  const auto found = operations().find(name);
  if (found == operations().end()) return std::nullopt;
  return found->second;
}

bool looksLikePipelineTrace(std::string_view head) {
  const bool byteDance = contains(head, "\"mb_id\"") && (contains(head, "\"forward-compute\"") ||
                                                         contains(head, "\"backward-compute\""));
  const bool megatronApp = contains(head, "\"forward\"") && contains(head, "\"microbatch\"") &&
                           contains(head, "\"pp_rank\"");
  return byteDance || megatronApp;
}

}  // namespace caracal::import::pipeline
