// The Megatron-LM exporter: what of a plan its flags can hold, and the files that carry it.
#pragma once

#include <vector>

#include "core/export/exporter.h"
#include "core/export/megatron_projection.h"

namespace caracal::exporter {

// REQUIRES a valid plan of this profile.
Result<ExportResult> exportToMegatron(const profile::Profile& profile, const plan::Plan& plan);

// What the target does with each field of the plan, in words; one entry per field, also for the
// exact ones.
std::vector<FieldLoss> megatronLosses(const profile::Profile& profile, const plan::Plan& plan,
                                      const sim::SimResult& planned,
                                      const MegatronProjection& projection);

}  // namespace caracal::exporter
