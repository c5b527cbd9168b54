// Emulated links: how long a transfer takes. link_text.h has the text form that users write.
#pragma once

#include <cstdint>

#include "core/profile/layer_table.h"
#include "core/profile/profile.h"

namespace caracal::comm {

using profile::Link;
using profile::Pattern;

// latency + bytes / bandwidth; bandwidth 0 means that size does not matter.
int64_t transferNs(const Link& link, int64_t bytes);

// What each member of a ring all-reduce of `bytes` sends: 2 (n - 1) / n of them, rounded up
// (Patarasuk and Yuan, "Bandwidth optimal all-reduce algorithms for clusters of workstations",
// 2009).
int64_t ringAllReduceBytes(int64_t bytes, int32_t members);
// Likewise of any collective: gathering and reduce-scattering move (n - 1) / n of the whole
// tensor's `bytes`.
int64_t ringBytes(Pattern pattern, int64_t bytes, int32_t members);

}  // namespace caracal::comm
