// Exporters: a Plan as the configuration of a training framework. What the target cannot express is
// said in the output, and the projected plan (what the framework will really do) is simulated
// beside the plan.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"
#include "core/plan/plan.h"
#include "core/profile/profile.h"
#include "core/sim/simulator.h"

namespace caracal::exporter {

enum class Fidelity : uint8_t { kExact, kProjected, kDropped };
std::string_view name(Fidelity fidelity);  // "exact", "projected", "dropped"

struct FieldLoss {
  std::string field;  // "partition", "recomputed operators", "recompute timing", ...
  Fidelity fidelity = Fidelity::kExact;
  std::string words;  // what the target does instead, and why
};

struct ExportFile {
  std::string name;  // relative to the output folder
  std::string content;
};

struct ExportResult {
  std::string target;             // "megatron-lm"
  std::string targetVersion;      // the commit its keys were read from
  std::vector<ExportFile> files;  // config, <name>.loss.json, the untouched plan
  std::vector<FieldLoss> losses;
  plan::Plan projected;      // what the target will execute
  sim::SimResult planned;    // predicted step and peaks of the plan ...
  sim::SimResult predicted;  // ... and of the projection
};

std::vector<std::string> targets();  // "megatron-lm"
// "what the target cannot hold" is a loss, not a failure; fails for unknown targets and invalid
// plans.
Result<ExportResult> exportPlan(const std::string& target, const profile::Profile& profile,
                                const plan::Plan& plan);
Result<void> writeFiles(const ExportResult& result, const std::string& folder);

}  // namespace caracal::exporter
