// What a recording of caracal-run says of itself in its meta table.
#pragma once

#include <charconv>
#include <cstdint>
#include <string>
#include <vector>

#include "core/profile/model_description.h"
#include "core/trace/trace.h"

namespace caracal::profile {

template <class Number>
Number metaNumber(const trace::Trace& trace, const std::string& key, Number fallback) {
  const std::string text = trace.metaOr(key, "");
  Number value = fallback;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  return parsed.ec == std::errc{} ? value : fallback;
}

// "link.<name>.latencyNs", "link.<name>.bytesPerSecond"; 0 where it does not say.
Link metaLink(const trace::Trace& trace, const std::string& name);

// Layers per stage, "2,2" in the recording; even when it does not say. Where stages hold several
// chunks of the model, "partition" lists those, and "layersOfStages" the stages.
std::vector<int32_t> partitionOf(const trace::Trace& trace, const ModelDescription& description);

}  // namespace caracal::profile
