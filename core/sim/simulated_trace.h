// A replay as a Trace (docs/trace-conventions.md), one rank per stage.
#pragma once

#include <memory>
#include <vector>

#include "core/plan/plan.h"
#include "core/plan/program.h"
#include "core/profile/profile.h"
#include "core/sim/figures.h"
#include "core/sim/replay.h"
#include "core/sim/simulator.h"
#include "core/trace/trace.h"

namespace caracal::sim {

// REQUIRES detail other than kNone, and result.stages[].memory filled.
std::shared_ptr<const trace::Trace> traceOf(const profile::Profile& profile, const plan::Plan& plan,
                                            const plan::Program& program, const Replay& replay,
                                            const std::vector<StageFigures>& figures,
                                            const SimResult& result, TraceDetail detail);

}  // namespace caracal::sim
