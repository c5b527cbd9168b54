// NVTX_EVENTS: ranges and marks of every domain, thread and domain names.
#pragma once

#include <string_view>

#include "core/import/nsys/reading.h"

namespace caracal::import::nsys {

// Ranges become kAnnotation, marks kInstant. The default domain's push/pop ranges lie on the
// thread's track, other domains on a lane of the thread that carries the domain's name; start/end
// ranges, which need not nest, on one more. Domain "caracal" becomes steps and passes. Open ranges
// end with the last event of the file: must run after every other reader.
Result<void> readNvtx(Reading& reading);

// The operator of a PyTorch emit_nvtx label: "aten::mm, seq = 3, op_id = 123" -> "aten::mm". Other
// labels as they are.
std::string_view operatorOfLabel(std::string_view label);

// What a range of NCCL's own domain does: "ncclAllReduce" -> kAllReduce; kNone for the rest of its
// API.
trace::CollectiveKind collectiveOfNcclCall(std::string_view label);

// The size that NCCL states in the payload of such a range, as JSON; -1: it does not.
int64_t messageBytesOf(std::string_view payloadJson);

}  // namespace caracal::import::nsys
