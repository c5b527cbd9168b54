// Steps of a rank by its host annotations, for events without a step: "ProfilerStep#N" (PyTorch),
// or the name that a hint gave (structure.h), numbered from 0 in time order.
#pragma once

#include <cstdint>
#include <vector>

#include "core/base/intervals.h"
#include "core/trace/trace.h"

namespace caracal::analysis {

// Key in Trace::meta() of the annotation name that a hint took for steps.
inline constexpr const char* kStepAnnotationKey = "stepAnnotation";

// Must not outlive the trace.
class ProfilerSteps {
 public:
  struct Step {
    Span span;
    int32_t number = -1;
  };

  explicit ProfilerSteps(const trace::Trace& trace);

  // The step that launched a GPU event; -1 when its launch is not recorded or in no step.
  int32_t stepOf(uint32_t rankIndex, trace::EventIndex event) const;
  // The step of a moment on the rank's host threads; -1: none.
  int32_t stepAt(uint32_t rankIndex, int64_t timeNs) const;
  // In time order; empty when the rank has no such annotations.
  const std::vector<Step>& ofRank(uint32_t rankIndex) const;

 private:
  const trace::Trace& m_trace;
  std::vector<std::vector<Step>> m_steps;  // per rank
};

}  // namespace caracal::analysis
