// Emulated links: how long a transfer takes, and the text form users write.
#pragma once

#include <cstdint>
#include <string>

#include "core/base/result.h"
#include "core/profile/profile.h"

namespace caracal::comm {

using profile::Link;

// latency + bytes / bandwidth; bandwidth 0 means that size does not matter.
int64_t transferNs(const Link& link, int64_t bytes);

// What each member of a ring all-reduce of `bytes` sends: 2 (n - 1) / n of them, rounded up
// (Patarasuk and Yuan, "Bandwidth optimal all-reduce algorithms for clusters of workstations",
// 2009).
int64_t ringAllReduceBytes(int64_t bytes, int32_t members);

// "200us,2GB/s": latency in ns, us, ms or s; bandwidth in B/s, kB/s, MB/s or GB/s (decimal) or
// KiB/s, MiB/s, GiB/s. "0,0" is a link that takes no time.
Result<Link> parseLink(const std::string& text);

}  // namespace caracal::comm
