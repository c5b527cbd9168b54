// Which kernels are communication: a table of name parts, matched case-insensitively, that the user
// can see and extend (resources/comm_kernels.json, `--comm-kernels FILE`).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"
#include "core/trace/trace.h"

namespace caracal::analysis {

struct CommNames {
  std::vector<std::string> parts{"nccl", "rccl"};  // lower case
  bool matches(std::string_view kernelName) const;
};

Result<CommNames> loadCommNames(const std::string& path);

// The collective that a communication kernel's name tells: "ncclDevKernel_AllReduce_..." -> kAllReduce.
// Algorithm and protocol parts of such names are not reliable and not read.
trace::CollectiveKind collectiveOfKernel(std::string_view kernelName);

}  // namespace caracal::analysis
