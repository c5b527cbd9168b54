// Flow events ("s" to "f") of one Kineto file. Forward-to-backward flows become trace flows; launch
// flows link GPU work that carries no correlation id (ROCm files of 2024) to its launch.
#pragma once

#include <stop_token>
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
  // A call, or work, that tells its correlation id. Most files write the ends of its flow right
  // behind it, which then say nothing new and are not kept.
  void noteCall(uint64_t correlation, chrome::EventTime time) { m_lastCall = {correlation, time}; }
  void noteWork(uint64_t correlation) { m_lastWork = correlation; }
  // An operator that is not in the builder: flows that begin or end in it lead nowhere.
  void noteLeftOut(trace::TrackIndex row, chrome::EventTime time);
  // Once, when all events are in the builder. Flows are missing when it is stopped.
  void resolve(const Rows& rows, trace::TraceBuilder& builder, const std::stop_token& stop);

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
    // Calls visit(end) for each until stopped; all are gone then.
    template <class Visit>
    void drain(const std::stop_token& stop, Visit&& visit);

   private:
    trace::ColumnPacker m_ids, m_times, m_processes, m_threads;
  };
  struct Category {
    Ends starts;
    Ends finishes;
  };

  bool isKnown(const chrome::ChromeEvent& event, uint64_t id, int64_t timeNs) const;
  std::vector<uint64_t> correlateWork(const Rows& rows, trace::TraceBuilder& builder,
                                      const std::stop_token& stop);
  void linkLaunches(const Rows& rows, trace::TraceBuilder& builder, const std::stop_token& stop);
  void addForwardBackward(const Rows& rows, trace::TraceBuilder& builder,
                          const std::stop_token& stop);

  Category m_launches;
  Category m_forwardBackward;
  std::vector<trace::EventIndex> m_unlinked;
  struct Call {
    uint64_t correlation = 0;  // 0 = none
    chrome::EventTime time;
  };
  struct {
    trace::ColumnPacker rows, begins, durations;
  } m_leftOut;
  Call m_lastCall;
  uint64_t m_lastWork = 0;  // 0 = none
};

}  // namespace caracal::import::kineto
