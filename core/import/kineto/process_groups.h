// Process groups and collective metadata of PyTorch traces: distributedInfo.pg_config, and what
// record_param_comms and NCCL kernels carry.
#pragma once

#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/import/kineto/arguments.h"
#include "core/trace/trace_builder.h"

namespace caracal::import::kineto {

trace::CollectiveKind collectiveKind(std::string_view name);  // "_allgather_base" -> kAllGather
std::optional<int64_t> elementBytes(std::string_view dtype);  // "BFloat16" -> 2
// "[0, 1]" or 0, 1: nothing when the list is cut ("...") or holds something else.
std::optional<std::vector<int32_t>> rankList(std::string_view text);

// The groups of one file. Events name groups before the file's own list (pg_config) may have been
// read, so both are united by name when the file ends.
class ProcessGroups {
 public:
  // The typed arguments of a collective; nothing when the event carries no collective metadata.
  std::optional<trace::EventArgs> argsOf(const Arguments& arguments, trace::TraceBuilder& builder);
  // `configured`: the file's own list. Completes the groups that events named, adds the others.
  void complete(const std::vector<trace::ProcessGroup>& configured, trace::TraceBuilder& builder);

 private:
  uint32_t groupOf(const Arguments& arguments, trace::TraceBuilder& builder);
  std::unordered_map<std::string, uint32_t> m_groups;  // by name, which is unique in a process
};

}  // namespace caracal::import::kineto
