// Links as users write them.
#pragma once

#include <string>

#include "core/base/result.h"
#include "core/profile/profile.h"

namespace caracal::profile {

// "200us,2GB/s": latency in ns, us, ms or s; bandwidth in B/s, kB/s, MB/s or GB/s (decimal) or
// KiB/s, MiB/s, GiB/s. "0,0" is a link that takes no time.
Result<Link> parseLink(const std::string& text);

// What parseLink() reads as the same link: "200us,400MB/s"; units that need no fraction.
std::string linkText(const Link& link);

}  // namespace caracal::profile
