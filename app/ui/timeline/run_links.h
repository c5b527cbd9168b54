// RunLinks: which event of a run waits for which, for the arrows and the keys that follow
// dependencies: a launch and its kernel, a send and its receive, the calls of one collective, and
// what the trace itself links. Immutable; safe to read from any thread.
#pragma once

#include <cstdint>
#include <memory>
#include <stop_token>
#include <vector>

#include "core/analysis/prepared_run.h"

namespace caracal::ui {

enum class LinkKind : uint8_t { kLaunch, kTransfer, kCollective, kFlow };

struct EventLink {
  trace::EventIndex from = trace::kNoIndex;
  trace::EventIndex to = trace::kNoIndex;
  LinkKind kind = LinkKind::kFlow;
  bool operator==(const EventLink&) const = default;
};

class RunLinks {
 public:
  // Polls `stop`; what it then holds is not to be used.
  explicit RunLinks(const analysis::PreparedRun& run, const std::stop_token& stop = {});

  // What the event waited for (links.to is the event) and what waits for it (links.from). Of a
  // collective all members wait for the one that came last.
  std::vector<EventLink> of(trace::EventIndex event) const;

 private:
  std::shared_ptr<const trace::Trace> m_trace;
  std::vector<EventLink> m_byFrom;  // sorted; transfers, collectives and flows
  std::vector<EventLink> m_byTo;
};

// The launch of a GPU event, and the GPU event that a host call launched. Looks along the streams
// of the rank from the call on; operations of a stream run in the order of their launches.
std::vector<EventLink> launchLinks(const trace::Trace& trace, trace::EventIndex event);

}  // namespace caracal::ui
