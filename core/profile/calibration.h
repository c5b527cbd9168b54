// Calibration: the constants of the hardware that recordings ran on, so that other models and sizes
// can be profiled for it by description alone (profileFromModel), and how much operators and
// collectives slow each other down there.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/base/result.h"
#include "core/profile/model_description.h"
#include "core/trace/trace.h"

namespace caracal::profile {

// An operator of a layer as recorded, and as the constants say.
struct FittedOperator {
  std::string id;
  int64_t measuredNs = 0;  // forward and backward
  int64_t fittedNs = 0;
};

// How much longer what runs beside something else takes than alone.
struct SlowDown {
  std::string of;       // a kind of operators, "gemm"; or a collective, "bwd.mlp"
  double factor = 1;    // mean over operators, weighted by time, of median beside / median alone
  int64_t samples = 0;  // events that ran beside
};

struct Calibration {
  Hardware hardware;
  std::vector<FittedOperator> operators;    // of the first recording
  std::vector<SlowDown> operatorsBeside;    // collectives
  std::vector<SlowDown> collectivesBeside;  // operators
  std::string source;                       // what was read, for people
};

// The matrix rate is that of the fastest product with the share that all reach together, the memory
// rate likewise from the other operators; the floor is the shortest operator that took as long in
// another recording at twice the size, or 0. A link's latency and bandwidth are fitted to transfers
// of several sizes where the recordings have them, else its latency is the one that the run was
// asked for. Slow-downs count operators at least half of which ran beside a transfer, against the
// same operators clear of any; without such pairs they are 1. Fails with kCannotAnswer for
// recordings that cannot be profiled or ran on different hardware.
Result<Calibration> calibrate(std::span<const std::shared_ptr<const trace::Trace>> recordings);

// A "caracal.hardware/1" document, each constant beside where it comes from.
std::string toJson(const Calibration& calibration);

}  // namespace caracal::profile
