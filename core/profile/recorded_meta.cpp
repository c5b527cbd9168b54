#include "core/profile/recorded_meta.h"

namespace caracal::profile {

using trace::Trace;

Link metaLink(const Trace& trace, const std::string& name) {
  return {metaNumber<int64_t>(trace, "link." + name + ".latencyNs", 0),
          metaNumber<double>(trace, "link." + name + ".bytesPerSecond", 0)};
}

std::vector<int32_t> partitionOf(const Trace& trace, const ModelDescription& description) {
  std::vector<int32_t> layers;
  const std::string text = trace.metaOr("layersOfStages", trace.metaOr("partition", ""));
  const char* next = text.data();
  const char* const end = text.data() + text.size();
  while (next < end) {
    int32_t count = 0;
    const auto parsed = std::from_chars(next, end, count);
    if (parsed.ec != std::errc{}) break;
    layers.push_back(count);
    next = parsed.ptr + (parsed.ptr < end ? 1 : 0);
  }
  if (static_cast<int32_t>(layers.size()) == description.parallel.pipeline) return layers;
  layers.clear();
  const int32_t stages = description.parallel.pipeline;
  for (int32_t s = 0; s < stages; ++s) {
    layers.push_back(description.shape.layers / stages +
                     (s < description.shape.layers % stages ? 1 : 0));
  }
  return layers;
}

}  // namespace caracal::profile
