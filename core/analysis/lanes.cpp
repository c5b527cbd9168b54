#include "core/analysis/lanes.h"

namespace caracal::analysis {

Lane laneOf(const trace::Track& track) {
  const auto labelled = [&](std::string_view part) {
    return track.label.find(part) != std::string::npos;
  };
  if (track.kind != trace::TrackKind::kCommLane) return Lane::kNone;
  if (labelled("tp-comm")) return Lane::kTensor;
  if (labelled("pp-comm")) return Lane::kPipeline;
  if (labelled("dp-comm")) return Lane::kData;
  return Lane::kNone;
}

TransferDirection directionOf(std::string_view transferName) {
  if (transferName.ends_with(".fwd")) return TransferDirection::kForward;
  if (transferName.ends_with(".bwd")) return TransferDirection::kBackward;
  return TransferDirection::kNone;
}

bool isReceive(std::string_view transferName) {
  return transferName.starts_with("recv.");
}

}  // namespace caracal::analysis
