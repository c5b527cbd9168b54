// Steps of a rank by its host annotations, for events without a step: the name that a hint gave
// (structure.h), numbered from 0 in time order; else "ProfilerStep#N" (PyTorch); else ranges that
// number steps themselves ("iteration 12", step_names.h): of several words the one whose ranges
// last longest together, if those of each rank lie one after the other with rising numbers.
#pragma once

#include <cstdint>
#include <stop_token>
#include <string>
#include <string_view>
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

  // Polls `stop`; what was found by then is not complete.
  explicit ProfilerSteps(const trace::Trace& trace, const std::stop_token& stop = {});

  // The step that launched a GPU event; -1 when its launch is not recorded or in no step.
  int32_t stepOf(uint32_t rankIndex, trace::EventIndex event) const;
  // The step of a moment on the rank's host threads; -1: none.
  int32_t stepAt(uint32_t rankIndex, int64_t timeNs) const;
  // In time order; empty when the rank has no such annotations.
  const std::vector<Step>& ofRank(uint32_t rankIndex) const;
  // How they were found, in words; empty: there are none.
  const std::string& foundBy() const { return m_foundBy; }

 private:
  using StepsOfRanks = std::vector<std::vector<Step>>;
  StepsOfRanks stepsNamed(std::string_view name, const std::stop_token& stop) const;
  StepsOfRanks profilerSteps(const std::stop_token& stop) const;
  StepsOfRanks numberedSteps(const std::stop_token& stop);

  const trace::Trace& m_trace;
  StepsOfRanks m_steps;  // per rank index
  std::string m_foundBy;
};

}  // namespace caracal::analysis
