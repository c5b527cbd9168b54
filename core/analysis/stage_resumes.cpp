#include "core/analysis/stage_resumes.h"

#include <algorithm>
#include <limits>
#include <tuple>

#include "core/trace/polled_sort.h"

namespace caracal::analysis {
namespace {

void sortLists(StageActivity& a, const std::stop_token& stop) {
  std::stable_sort(a.passes.begin(), a.passes.end(), [](const StepPass& x, const StepPass& y) {
    return x.pass.span.beginNs < y.pass.span.beginNs;
  });
  const auto resumesFirst = [](const Resume& x, const Resume& y) { return x.beginNs < y.beginNs; };
  if (!trace::polledStableSort(a.resumes, resumesFirst, stop)) return;
  const auto byBegin = [](const Transfer& x, const Transfer& y) {
    return x.span.beginNs < y.span.beginNs;
  };
  std::stable_sort(a.receives.begin(), a.receives.end(), byBegin);
  std::stable_sort(a.sends.begin(), a.sends.end(), byBegin);
}

void addPasses(StageActivity& activity) {
  for (const StepPass& p : activity.passes) {
    activity.resumes.push_back({.beginNs = p.pass.span.beginNs,
                                .freeNs = p.pass.span.endNs,
                                .pass = p.pass.pass,
                                .microBatch = p.pass.microBatch,
                                .chunk = p.pass.chunk,
                                .step = p.step});
  }
}

void fillResumes(StageActivity& activity, int64_t traceBeginNs) {
  int64_t freeNs = std::numeric_limits<int64_t>::min();
  const Resume* previous = nullptr;
  const auto passOf = [](const Resume& r) {
    return std::tie(r.step, r.pass, r.microBatch, r.chunk);
  };
  for (Resume& resume : activity.resumes) {
    const int64_t endNs = resume.freeNs;
    resume.startsPass = previous == nullptr || passOf(*previous) != passOf(resume);
    resume.freeNs = freeNs == std::numeric_limits<int64_t>::min() ? traceBeginNs : freeNs;
    freeNs = std::max(freeNs, endNs);
    previous = &resume;
  }
}

}  // namespace

void orderInTime(StageActivity& activity, int64_t traceBeginNs, const std::stop_token& stop) {
  if (!activity.operators) addPasses(activity);
  sortLists(activity, stop);
  if (stop.stop_requested()) return;
  fillResumes(activity, traceBeginNs);
}

}  // namespace caracal::analysis
