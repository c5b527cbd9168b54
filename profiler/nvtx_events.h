// NVTX's events as the recorder takes them: messages in UTF-8, payloads, handles of domains.
#pragma once

#include <string>
#include <string_view>

#include "profiler/nvtx_names.h"
#include "profiler/range_log.h"

namespace caracal::profiler {

std::string utf8(const wchar_t* wide);

// The default domain has no handle.
const NvtxDomain* domainOf(nvtxDomainHandle_t handle);
nvtxDomainHandle_t handleOf(NvtxDomain* domain);

// An event with the memory that its text may need.
struct Event {
  RangeEvent range;
  std::string wide;
};

// Fills `event` in place: range.text may point into it. `attributes` may be nullptr.
void describe(Event& event, const NvtxDomain& domain, const nvtxEventAttributes_t* attributes);

}  // namespace caracal::profiler
