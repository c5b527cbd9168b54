// A prediction: profile, plan and what the simulator makes of them, read and shown the same way by
// `plan`, `simulate`, `measure` and `export`.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <stop_token>
#include <string>

#include "core/base/result.h"
#include "core/plan/plan.h"
#include "core/planner/replay_error.h"
#include "core/profile/profile.h"
#include "core/sim/simulator.h"

namespace caracal::cli {

struct Prediction {
  profile::Profile profile;
  plan::Plan plan;
  sim::SimResult result;
};

// Reads both documents, checks that the plan is possible for the profile, simulates.
Result<Prediction> predict(const std::string& profilePath, const std::string& planPath,
                           const sim::SimOptions& options, std::stop_token stop);

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
