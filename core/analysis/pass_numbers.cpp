#include "core/analysis/pass_numbers.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

namespace caracal::analysis {
namespace {

using trace::Pass;

// A new step begins where a pass repeats, or with the first forward behind an optimizer.
void numberSteps(std::vector<PassRange>& ranges) {
  std::set<std::tuple<Pass, int32_t, int32_t, int32_t>> seen;
  int32_t step = 0;
  bool optimizer = false;
  for (PassRange& range : ranges) {
    const auto key = std::tuple(range.pass, range.stage, range.chunk, range.microBatch);
    const bool repeats = isPipelinePass(range.pass) && range.microBatch >= 0 && seen.count(key) > 0;
    if (repeats || (range.pass == Pass::kForward && optimizer)) {
      ++step;
      seen.clear();
      optimizer = false;
    }
    if (range.pass == Pass::kOptimizer && !seen.empty()) optimizer = true;
    if (isPipelinePass(range.pass)) seen.insert(key);
    range.step = step;
  }
}

std::string numberMicroBatches(std::vector<PassRange>& ranges) {
  std::map<int32_t, std::map<std::tuple<Pass, int32_t, int32_t>, int32_t>> counts;  // by step
  for (PassRange& range : ranges) {
    if (!isPipelinePass(range.pass)) continue;
    auto& ofStep = counts[range.step];
    range.microBatch = ofStep[{range.pass, range.stage, range.chunk}]++;
    if (range.pass == Pass::kBackward &&
        range.microBatch >= ofStep[{Pass::kForward, range.stage, range.chunk}] &&
        range.step != ranges.front().step)
      return "more backward than forward ranges: which belong together cannot be told";
  }
  for (const auto& [step, ofStep] : counts) {
    if (counts.size() > 1 && (step == counts.begin()->first || step == counts.rbegin()->first))
      continue;
    int32_t forwards = 0;
    int32_t backwards = 0;
    for (const auto& [key, count] : ofStep) {
      if (std::get<0>(key) == Pass::kForward) forwards += count;
      if (std::get<0>(key) == Pass::kBackward) backwards += count;
    }
    if (forwards != backwards) {
      return fmt::format(
          "step {} has {} forward and {} backward ranges without micro-batch "
          "numbers: which belong together cannot be told",
          step, forwards, backwards);
    }
  }
  return {};
}

}  // namespace

bool isPipelinePass(Pass pass) {
  return pass == Pass::kForward || pass == Pass::kBackward || pass == Pass::kWeight;
}

bool statesMicroBatches(const std::vector<PassRange>& ranges) {
  return std::any_of(ranges.begin(), ranges.end(), [](const PassRange& range) {
    return isPipelinePass(range.pass) && range.microBatch >= 0;
  });
}

std::string numberPasses(std::vector<PassRange>& ranges, const ProfilerSteps& steps,
                         uint32_t rankIndex) {
  const bool stated = statesMicroBatches(ranges);
  if (steps.ofRank(rankIndex).empty()) {
    numberSteps(ranges);
  } else {
    for (PassRange& range : ranges) range.step = steps.stepAt(rankIndex, range.span.beginNs);
    std::erase_if(ranges, [](const PassRange& range) { return range.step < 0; });
  }
  if (ranges.empty()) return "all passes lie outside of the marked steps";
  return stated ? std::string() : numberMicroBatches(ranges);
}

}  // namespace caracal::analysis
