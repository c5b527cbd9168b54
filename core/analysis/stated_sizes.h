// Sizes of the parallel layout that a trace itself states: importers that know them, simulations
// and markPasses() write them into Trace::meta().
#pragma once

#include <charconv>
#include <cstdint>
#include <string>

#include "core/trace/trace.h"

namespace caracal::analysis {

inline constexpr const char* kStageCountKey = "pp";
inline constexpr const char* kTensorSizeKey = "tp";
inline constexpr const char* kReplicaCountKey = "dp";

// 0: not stated.
inline int32_t statedSize(const trace::Trace& trace, const char* key) {
  const std::string text = trace.metaOr(key, "");
  int32_t size = 0;
  std::from_chars(text.data(), text.data() + text.size(), size);
  return size > 0 ? size : 0;
}

}  // namespace caracal::analysis
