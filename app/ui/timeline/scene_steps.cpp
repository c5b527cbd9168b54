#include "app/ui/timeline/scene_steps.h"

#include <algorithm>
#include <charconv>
#include <map>

#include "core/trace/polled_range.h"

namespace caracal::ui {
namespace {

using analysis::StageStep;
using trace::EventKind;

bool isStepName(std::string_view name) {
  return name.starts_with("ProfilerStep#") || name.starts_with("step:");
}

// Their own numbers at the end of the names; counted where there is none.
int32_t stepNumber(std::string_view name, size_t index) {
  int32_t number = static_cast<int32_t>(index);
  const size_t digits = name.find_first_of("0123456789");
  if (digits != std::string_view::npos)
    std::from_chars(name.data() + digits, name.data() + name.size(), number);
  return number;
}

void takeAnnotatedSteps(SceneRun& run, const std::stop_token& stop) {
  const trace::Trace& trace = *run.trace;
  std::vector<bool> isStep(trace.names().size());
  for (trace::NameId id = 0; id < isStep.size(); ++id) isStep[id] = isStepName(trace.names()[id]);
  if (std::find(isStep.begin(), isStep.end(), true) == isStep.end()) return;
  for (const trace::Track& track : trace.tracks()) {
    for (const trace::EventIndex e : trace::eventsOf(track, stop)) {
      if (trace.kind(e) != EventKind::kAnnotation || !isStep[trace.nameId(e)]) continue;
      run.steps.push_back(shifted(trace.span(e), run.shiftNs));
      run.stepNumbers.push_back(stepNumber(trace.name(e), run.steps.size() - 1));
    }
    if (!run.steps.empty()) return;
  }
}

}  // namespace

void takeSteps(SceneRun& run, const std::stop_token& stop) {
  std::map<int32_t, Span> byNumber;
  if (run.model) {
    for (const StageStep& s : run.model->stageSteps) {
      const auto [it, isNew] = byNumber.try_emplace(s.step, s.stepSpan);
      if (isNew) continue;
      it->second.beginNs = std::min(it->second.beginNs, s.stepSpan.beginNs);
      it->second.endNs = std::max(it->second.endNs, s.stepSpan.endNs);
    }
  }
  for (const auto& [number, span] : byNumber) {
    run.steps.push_back(shifted(span, run.shiftNs));
    run.stepNumbers.push_back(number);
  }
  if (run.steps.empty()) takeAnnotatedSteps(run, stop);
}

void arrangePasses(std::vector<Block>& blocks) {
  std::sort(blocks.begin(), blocks.end(), [](const Block& a, const Block& b) {
    return a.beginNs != b.beginNs ? a.beginNs < b.beginNs : a.endNs > b.endNs;
  });
  for (size_t i = 1; i < blocks.size(); ++i) {
    const Block& before = blocks[i - 1];
    const int64_t overlap = before.endNs - blocks[i].beginNs;
    const int64_t shorter = std::min(before.durationNs(), blocks[i].durationNs());
    if (overlap > 0 && overlap * 100 <= shorter) blocks[i].beginNs = before.endNs;
  }
}

}  // namespace caracal::ui
