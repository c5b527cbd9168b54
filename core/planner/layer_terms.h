// LayerTerms: what the choices for one layer of a stage weigh in time and memory, by operator; the
// common ground of opt's exact search (stage_optimum.h).
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "core/planner/stage_model.h"

namespace caracal::planner {

// Layers with the same kind, and the same kind above them, have the same choices.
struct LayerPlace {
  int32_t kind = 0;
  int32_t above = kNoKind;  // kNoKind: the stage's top layer, which has no prev.* windows
  bool operator==(const LayerPlace&) const = default;
};

// What an nanosecond of each sort of work costs a step, and what a byte does. Any prices give a
// valid bound (stage_dual.h); those of the work are the numbers of micro-batches where it counts.
struct LayerPrices {
  double forward = 0;    // added to a forward pass that hosts early work
  double backward = 0;   // added to a backward pass
  double pipe = 0;       // done in `pipe` by micro-batches with a next forward
  double early = 0;      // rebuilt early, whatever the window: the last micro-batches use `pipe`
  double mlpWindow = 0;  // in bwd.mlp, which a layer shares with the one below it
  double perByte = 0;    // held while the stage's top layer runs backward
};

// Collectives beside which operators run: they save `share` of their time (1 without contention)
// as long as their sum is at most `roomNs`. The same as plan::OverlapClock, rounding aside, for one
// collective; for several, which share out the work (plan/recompute_hosts.h), at least as much.
struct HostWindow {
  bool exists = false;
  bool split = false;   // several collectives
  double roomNs = 0;    // of all
  double sharedNs = 0;  // of prevMlp: in bwd.mlp, which the layer above may use itself
  double unsharedNs() const { return roomNs - sharedNs; }
  double savedNs(double workNs, double share) const { return share * std::min(workNs, roomNs); }
};

struct OperatorTerms {
  std::vector<int16_t> inputs;     // of this layer
  std::vector<int16_t> consumers;  // operators made from it
  double ns = 0;                   // to rebuild it
  bool needed = false;             // backward reads it
  bool readInMlp = false;          // by the MLP segment, which comes first
  bool collective = false;
  bool output = false;        // the layer's: there until its backward; no window rebuilds it
  int64_t retainedBytes = 0;  // when kept
  int64_t liveBytes = 0;      // once rebuilt
};

struct LayerTerms {
  LayerTerms(const StageModel& model, LayerPlace where);

  const StageModel& model;
  LayerPlace place;
  std::vector<OperatorTerms> operators;  // in forward order
  int64_t others = 0;                    // micro-batches in flight beside the oldest
  int64_t checkpointBytes = 0;           // of the layer's output, by all micro-batches in flight
  double share = 1;                      // of a hosted operator's time that is saved
  double roomPerNs = 1;                  // of a collective, in operators' time when run alone
  HostWindow fwdAttn, fwdMlp;            // beside the next micro-batch's forward
  HostWindow ownMlp, prevMlp, prevAttn;  // prev*: of the layer above
  bool pipe = false;
  bool top() const { return place.above == kNoKind; }
  bool anyEarly() const { return fwdAttn.exists || fwdMlp.exists || pipe; }
};

}  // namespace caracal::planner
