// What traffic a communication lane of a schedule carries (docs/trace-conventions.md).
#pragma once

#include <cstdint>
#include <string_view>

#include "core/trace/trace.h"

namespace caracal::analysis {

enum class Lane : uint8_t { kNone, kTensor, kPipeline, kData };

// By the label's "tp-comm", "pp-comm" or "dp-comm"; kNone for every other track.
Lane laneOf(const trace::Track& track);

enum class TransferDirection : uint8_t { kNone, kForward, kBackward };

// Of a stage-to-stage transfer: kForward for activations ("send.fwd", "recv.fwd"), kBackward for
// gradients ("send.bwd", "recv.bwd").
TransferDirection directionOf(std::string_view transferName);
// Whether it is the receiving side's event.
bool isReceive(std::string_view transferName);

}  // namespace caracal::analysis
