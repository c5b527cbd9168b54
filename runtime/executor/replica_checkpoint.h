// A checkpoint of what all ranks hold: one replica's weights, and the optimizer's state, which the
// replicas may share.
#pragma once

#include <string>
#include <vector>

#include "core/base/result.h"
#include "runtime/comm/layout.h"
#include "runtime/comm/wire.h"
#include "runtime/executor/checkpoint.h"
#include "runtime/executor/job.h"
#include "runtime/model/parameters.h"

namespace caracal::executor {

// Whether a rank holds something that no other replica does.
bool handsIntoCheckpoint(const Job& job, const comm::Position& position);
// What it hands in then.
comm::Bytes checkpointPart(const comm::Position& position, const model::ParameterStore& parameters);
// `handedIn`: by rank.
Result<void> writeCheckpoint(const std::string& path, const Progressed& progressed, const Job& job,
                             const std::vector<comm::Bytes>& handedIn);

}  // namespace caracal::executor
