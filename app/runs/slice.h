// A scaled slice of a plan that is too large for this machine: fewer stages, layers and ranks,
// whose layers have the plan's own policies. A slice is profiled, predicted and measured here, and
// only the slice is compared with the slice: its figures are not those of the whole plan.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "app/runs/measurement.h"
#include "core/base/result.h"
#include "core/plan/plan_json.h"
#include "core/profile/model_description.h"

namespace caracal::runs {

// How large a slice is to be; 0: chosen. Never more than the plan has.
struct SliceShape {
  int32_t stages = 0;        // 2
  int32_t layers = 0;        // of a stage: 2
  int32_t tensor = 0;        // ranks: 2
  int32_t microBatches = 0;  // two for each stage
};
// "stages=2,layers=1,tensor=2,microbatches=4", each at most once; empty: all chosen.
Result<SliceShape> sliceShapeFromText(std::string_view text);

struct Slice {
  profile::ModelDescription model;    // what caracal-run trains
  std::vector<int32_t> stagesOfPlan;  // by stage of the slice
  std::vector<int32_t> layersOfPlan;  // by layer of the slice
  std::vector<std::string> cuts;      // what is less than in the plan, in words; empty: nothing is
};

// The first stages and the last one, the lowest layers of each. Fails with kUnsupported for plans
// of schedules that give a stage several chunks.
Result<Slice> sliceOf(const plan::Plan& plan, const SliceShape& asked);

// The plan's policies on the slice's layers. `here`: the slice profiled on this machine. Fails
// where the plan's operators are not those that run here.
Result<plan::Plan> slicedPlan(const plan::PlanDocument& document, const Slice& slice,
                              const profile::Profile& here);

// Whether the CPU backend cannot train the whole plan here: it would need more memory than this
// machine has, or computes in other numbers. False for other backends, which say so themselves.
bool needsSlice(const Prediction& prediction, const std::string& backend);

struct SliceMeasurement {
  Slice slice;
  Measurement measurement;  // of the slice
};
// Profiles the slice in a run that keeps everything, predicts it, runs it and sets both side by
// side. Files besides the recording: in a folder of its name with ".slice".
Result<SliceMeasurement> measureSlice(const MeasureJob& job, const SliceShape& shape,
                                      const Watch& watch);

}  // namespace caracal::runs
