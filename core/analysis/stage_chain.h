// Which stage a rank holds, from who sends to whom.
#pragma once

#include <cstdint>
#include <functional>
#include <stop_token>
#include <string>
#include <vector>

#include "core/analysis/comm_names.h"
#include "core/base/result.h"
#include "core/trace/trace.h"

namespace caracal::analysis {

// Stage per rank index, -1 for ranks that are not asked for. Ranks that exchange messages form a
// chain; of its two ends the one whose first forward work begins earlier is stage 0.
// `firstForwardNs`: per rank index; ranks with a negative one are not asked for. A run without any
// send or receive has one stage.
// Fails with kCannotAnswer, in words: peers that are not recorded, a ring, a chain of which ranks
// are missing. Polls `stop`; what it then returns is not to be used.
Result<std::vector<int32_t>> stagesByTraffic(const trace::Trace& trace, const CommNames& comm,
                                             const std::vector<int64_t>& firstForwardNs,
                                             const std::stop_token& stop);

}  // namespace caracal::analysis
