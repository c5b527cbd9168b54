#include "core/planner/stage_exchange.h"

namespace caracal::planner {

bool noLonger(const PassTimes& times, const PassTimes& other) {
  return times.forwardFilledNs <= other.forwardFilledNs && times.backwardNs <= other.backwardNs &&
         times.pipeNs <= other.pipeNs && times.pipeTailNs <= other.pipeTailNs;
}

std::vector<PassTimes> timesOf(const StagePlans& plans, const std::vector<size_t>& choice) {
  std::vector<PassTimes> times;
  times.reserve(choice.size());
  for (size_t s = 0; s < choice.size(); ++s) times.push_back(plans[s][choice[s]]);
  return times;
}

std::vector<size_t> exchangeStages(const PipelineModel& pipeline, const StagePlans& plans,
                                   std::vector<size_t> choice, const MixStop& stop) {
  std::vector<PassTimes> times = timesOf(plans, choice);
  int64_t best = pipeline.stepNs(times);
  for (bool again = true; again && !stop.requested();) {
    again = false;
    for (size_t s = 0; s < choice.size(); ++s) {
      for (size_t c = 0; c < plans[s].size(); ++c) {
        if (c == choice[s]) continue;
        times[s] = plans[s][c];
        const int64_t ns = pipeline.stepNs(times);
        if (ns >= best) continue;
        best = ns;
        choice[s] = c;
        again = true;
      }
      times[s] = plans[s][choice[s]];
    }
  }
  return choice;
}

}  // namespace caracal::planner
