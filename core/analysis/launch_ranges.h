// Which range of forward or backward work launched something. Part of gpu_passes.cpp.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <stop_token>
#include <vector>

#include "core/analysis/pass_ranges.h"
#include "core/trace/trace.h"

namespace caracal::analysis {

// By the launching call's thread and begin. What an autograd thread launches belongs to the
// backward range that another thread has open: the thread that asked for it waits meanwhile. A
// thread runs autograd where its name or its operators say so, or where it launches GPU work and
// only ever while another thread has a backward range open. Must not outlive what it is made of.
class LaunchRanges {
 public:
  // Polls `stop`; what it then says is not to be used.
  LaunchRanges(const trace::Trace& trace, const std::vector<RankPassRanges>& ranges,
               const std::stop_token& stop);
  // Null: none. `hostRank`: the rank index that holds the launching threads.
  const PassRange* rangeOf(uint32_t hostRank, trace::EventIndex launch) const;

 private:
  struct Host {
    std::map<int64_t, std::vector<const PassRange*>> ofThread;  // by begin
    std::vector<const PassRange*> backward;                     // of all threads, by begin
    std::set<int64_t> helpers;                                  // autograd threads
  };
  void findHelpers(const std::stop_token& stop);

  const trace::Trace& m_trace;
  std::vector<Host> m_hosts;  // per rank index
};

}  // namespace caracal::analysis
