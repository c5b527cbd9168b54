// Flow events ("s" to "f") of one Kineto file. Forward-to-backward flows become trace flows; launch
// flows link GPU work that carries no correlation id (ROCm files of 2024) to its launch.
#pragma once

#include <vector>

#include "core/import/chrome/chrome_event.h"
#include "core/import/kineto/rows.h"
#include "core/trace/trace_builder.h"

namespace caracal::import::kineto {

class Flows {
 public:
  void add(const chrome::ChromeEvent& event, Rows& rows, trace::ImportReport& report);
  // GPU work without a correlation id.
  void needsLaunch(trace::EventIndex event) { m_unlinked.push_back(event); }
  // Once, when all events are in the builder.
  void resolve(const Rows& rows, trace::TraceBuilder& builder);

 private:
  struct End {
    uint64_t id = 0;
    int64_t timeNs = 0;
    RowPlace place;
    bool isStart = false;
  };

  void linkLaunches(const Rows& rows, trace::TraceBuilder& builder);
  void addForwardBackward(const Rows& rows, trace::TraceBuilder& builder);

  std::vector<End> m_launches;
  std::vector<End> m_forwardBackward;
  std::vector<trace::EventIndex> m_unlinked;
};

}  // namespace caracal::import::kineto
