// Predictions (app/runs/prediction.h) in words and as JSON: what `plan`, `simulate`, `measure` and
// `export` print.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

#include "app/runs/prediction.h"
#include "core/planner/replay_error.h"
#include "core/profile/profile.h"
#include "core/sim/simulator.h"

namespace caracal::cli {

using runs::predict;
using runs::Prediction;
using runs::summarizePrediction;

// stepNs, bubblePct, zbBubbleRate, stages[] ...: to be merged into a document.
nlohmann::ordered_json predictionJson(const sim::SimResult& result);

// One line for the step, one row per stage.
std::string predictionText(const sim::SimResult& result, std::string_view tag = "simulated");

// What every prediction on a profile carries: null, or {"observedNs", "simulatedNs", "errorPct"}.
nlohmann::ordered_json replayJson(const std::optional<planner::ReplayError>& replay);
std::string replayText(const std::optional<planner::ReplayError>& replay);

// "measured", or "operators estimated, stages measured" when the two tags differ.
std::string profileTagText(const profile::Profile& profile);

}  // namespace caracal::cli
