// ScheduleModel: what planning needs of a pipeline under any schedule: each chunk of the model as a
// StageModel, how long its backwards wait for gradients, and which chunks share a device's memory.
// For 1F1B there is PipelineModel, which is exact where this estimates.
#pragma once

#include <cstdint>
#include <memory>
#include <stop_token>
#include <vector>

#include "core/base/result.h"
#include "core/plan/plan.h"
#include "core/plan/schedule.h"
#include "core/planner/heu_search.h"
#include "core/planner/stage_model.h"
#include "core/profile/profile.h"

namespace caracal::planner {

// Chunks that share memory, and the devices that hold them. Mostly one device; DualPipe's chunks
// lie on a device and on its mirror image, under one policy.
struct MemoryGroup {
  std::vector<size_t> chunks;
  std::vector<size_t> devices;
};

class ScheduleModel {
 public:
  // Partition and budget are the skeleton's. REQUIRES that profile and skeleton outlive this. Fails
  // when cancelled, and when the schedule cannot run the skeleton's number of chunks.
  static Result<std::unique_ptr<const ScheduleModel>> of(const profile::Profile& profile,
                                                         const plan::Plan& skeleton,
                                                         std::stop_token stop);

  size_t chunks() const { return m_models.size(); }
  const StageModel& chunk(size_t c) const { return m_models[c]; }
  // What a chunk's backwards wait for gradients if nobody recomputes, and if nobody ever waited.
  const StageGaps& gaps(size_t c) const { return m_gaps[c]; }
  const StageGaps& noGaps(size_t c) const { return m_noGaps[c]; }
  const std::vector<MemoryGroup>& groups() const { return m_groups; }
  // The step without recomputation. Recomputation only makes passes longer, and what waits for them
  // later: no plan of this partition and schedule has a shorter one.
  int64_t plainStepNs() const { return m_plainStepNs; }

 private:
  ScheduleModel(const profile::Profile& profile, const plan::Plan& skeleton,
                const plan::Schedule& schedule);
  Result<void> measureWaits(const profile::Profile& profile, const plan::Plan& skeleton,
                            const plan::Schedule& schedule, std::stop_token stop);
  void groupChunks(const plan::Schedule& schedule);

  plan::ProfileGraphs m_graphs;
  std::vector<StageModel> m_models;
  std::vector<StageGaps> m_gaps, m_noGaps;
  std::vector<MemoryGroup> m_groups;
  int64_t m_plainStepNs = 0;
};

}  // namespace caracal::planner
