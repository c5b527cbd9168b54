// The event graph of a run while it is being made. Part of run_graph.cpp.
#pragma once

#include <cstdint>
#include <stop_token>
#include <vector>

#include "core/analysis/schedule_edges.h"
#include "core/trace/trace.h"

namespace caracal::analysis {

struct RunDraft {
  const trace::Trace& trace;
  std::vector<bool> chosen;       // per rank index: in the graph
  std::vector<bool> launches;     // per event: a call that launches
  std::vector<NodePlace> places;  // per event
  GraphDraft graph;

  // The rank that holds the threads which launch a rank's work.
  uint32_t hostOf(uint32_t rank) const {
    const uint32_t host = trace.ranks()[rank].hostRank;
    return host == trace::kNoIndex ? rank : host;
  }
  bool isCall(trace::EventIndex e) const {
    return trace.kind(e) == trace::EventKind::kRuntime && places[e].arrive != trace::kNoIndex;
  }
};

bool isSynchronization(std::string_view call);

// These poll `stop`; what they have added then is not complete.

// The rest of a synchronising or blocking copy call after the last GPU work it waited for.
void addHostWaits(RunDraft& draft, const std::stop_token& stop);

// Operations after those of another stream that ended just before. How many were taken so.
int64_t addStreamWaits(RunDraft& draft, const std::stop_token& stop);

// PyTorch runs backward operators on threads of its own, while the thread that asked for them
// waits: its first call there comes after the asking thread's last one, and the asking thread goes
// on after its last one. Where the asking thread made calls meanwhile, nothing is added.
void addHandOffs(RunDraft& draft, const std::stop_token& stop);

}  // namespace caracal::analysis
