// What Kineto's event categories mean, old and new spellings.
#pragma once

#include <string_view>

#include "core/trace/trace.h"

namespace caracal::import::kineto {

// Where an event of a category is drawn. Decided by the category alone: in containers a process id
// can equal a device id, and host rows may carry a stream.
enum class RowKind : uint8_t { kGpu, kHost, kGeneric };

struct Category {
  trace::EventKind kind = trace::EventKind::kOther;
  RowKind row = RowKind::kGeneric;
  bool known = false;
};

Category categoryOf(std::string_view text);

enum class FlowCategory : uint8_t { kLaunch, kForwardBackward, kOther };
FlowCategory flowCategoryOf(std::string_view text);

}  // namespace caracal::import::kineto
