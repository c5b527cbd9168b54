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
  };
  // Ends of one kind and side, as they come. A file has one for nearly every launch and kernel, so
  // they are packed.
  class Ends {
   public:
    void push(const End& end);
    bool empty() const { return m_ids.size() == 0; }
    // Calls visit(end) for each; all are gone then.
    template <class Visit>
    void drain(Visit&& visit);

   private:
    trace::ColumnPacker m_ids, m_times, m_processes, m_threads;
  };
  struct Category {
    Ends starts;
    Ends finishes;
  };

  void linkLaunches(const Rows& rows, trace::TraceBuilder& builder);
  void addForwardBackward(const Rows& rows, trace::TraceBuilder& builder);

  Category m_launches;
  Category m_forwardBackward;
  std::vector<trace::EventIndex> m_unlinked;
};

}  // namespace caracal::import::kineto
