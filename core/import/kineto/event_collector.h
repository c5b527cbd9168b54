// EventCollector: takes the events of one Kineto file as they are read and turns them into a rank
// of a TraceBuilder.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/base/result.h"
#include "core/import/chrome/chrome_event.h"
#include "core/import/chrome/chrome_reader.h"
#include "core/import/chrome/open_ranges.h"
#include "core/import/kineto/counters.h"
#include "core/import/kineto/flows.h"
#include "core/import/kineto/process_groups.h"
#include "core/import/kineto/rows.h"
#include "core/trace/early_cut.h"
#include "core/trace/trace_builder.h"

namespace caracal::import::kineto {

class EventCollector {
 public:
  // Events that the selection leaves out by kind or time, and that no other one needs, are not
  // kept.
  EventCollector(const trace::Selection& selection, trace::EarlyCut cut);
  // Refers to itself through its rows.
  EventCollector(const EventCollector&) = delete;
  EventCollector& operator=(const EventCollector&) = delete;

  void take(const chrome::ChromeEvent& event);
  // Once, behind the last event. The collector is spent. Fails when no entry was an event; the
  // rank is not whole when it was stopped.
  Result<trace::TraceBuilder> finish(const chrome::ChromeDocument& document,
                                     const std::string& path, const std::stop_token& stop);

 private:
  bool isUnwanted(const chrome::ChromeEvent& event, const Category& category) const;
  bool isTooLate(chrome::EventTime time) const;
  bool isTooEarly(const chrome::ChromeEvent& event, chrome::EventTime time,
                  const Category& category);
  void leaveOut(const chrome::ChromeEvent& event, chrome::EventTime time, const Category& category);
  void takeMetadata(const chrome::ChromeEvent& event);
  void takeComplete(const chrome::ChromeEvent& event);
  void takeInstant(const chrome::ChromeEvent& event);
  void takeCounter(const chrome::ChromeEvent& event);
  void takeBegin(const chrome::ChromeEvent& event);
  void takeEnd(const chrome::ChromeEvent& event);

  trace::EventIndex add(const chrome::ChromeEvent& event, chrome::EventTime time,
                        const Category& category);
  trace::EventIndex addGpu(const chrome::ChromeEvent& event, chrome::EventTime time,
                           trace::EventKind kind);
  trace::EventIndex addHost(const chrome::ChromeEvent& event, chrome::EventTime time,
                            trace::EventKind kind);
  void addKernelArgs(trace::EventIndex kernel, const chrome::ChromeEvent& event,
                     const Arguments& arguments);
  // The launch shape in words, made once for each distinct shape.
  trace::NameId launchDetailOf(const Arguments& arguments);
  void addStep(trace::EventIndex event, std::string_view name);
  trace::NameId nameOf(const chrome::ChromeEvent& event);
  void linkCollectives();
  void dropZeroTimes();
  void describeRank(const chrome::ChromeDocument& document, const std::string& path);

  trace::TraceBuilder m_builder;
  std::array<bool, trace::kEventKindCount> m_unwanted{};  // by kind
  std::optional<int64_t> m_lengthNs;                      // Selection::toNs
  trace::EarlyCut m_cut;
  uint32_t m_rank;
  Rows m_rows;
  Flows m_flows;
  Counters m_counters;
  ProcessGroups m_groups;
  chrome::OpenRanges m_openRanges;
  // record_param_comms by external id, for communication kernels that carry no metadata themselves.
  std::unordered_map<uint64_t, trace::EventIndex> m_collectiveOps;
  // Those kernels. Files of old profilers have nothing else, so they are packed.
  struct {
    trace::ColumnPacker kernels, externalIds;
  } m_bareCollectives;
  std::unordered_map<int32_t, int64_t> m_workOfDevice;             // GPU operations per device
  std::unordered_map<std::string, trace::NameId> m_launchDetails;  // by the shape's JSON texts
  std::string m_shape;                                             // reused key of the above
  bool m_isFinerThanMicroseconds = false;
  std::vector<trace::EventIndex> m_zeroTimes;               // events at time 0
  int64_t m_firstNs = std::numeric_limits<int64_t>::max();  // of those that are not
  int64_t m_lastNs = std::numeric_limits<int64_t>::min();
};

}  // namespace caracal::import::kineto
