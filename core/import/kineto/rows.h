// Rows: the tracks of one Kineto file, made when their first event comes and labelled when the file
// ends (the rows' names may come last).
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <unordered_map>

#include "core/import/chrome/chrome_event.h"
#include "core/import/kineto/arguments.h"
#include "core/import/kineto/categories.h"
#include "core/trace/trace_builder.h"

namespace caracal::import::kineto {

// What a file writes as pid and tid, as numbers: where a row is, whatever its kind.
struct RowPlace {
  int64_t process = 0;
  int64_t thread = 0;
};

class Rows {
 public:
  // `rank`: index of the file's rank in the builder.
  Rows(trace::TraceBuilder& builder, uint32_t rank) : m_builder(builder), m_rank(rank) {}

  trace::TrackIndex hostRow(const chrome::ChromeEvent& event) {
    return row(RowKind::kHost, {event.process, event.thread, {}, {}});
  }
  trace::TrackIndex genericRow(const chrome::ChromeEvent& event) {
    return row(RowKind::kGeneric, {event.process, event.thread, {}, {}});
  }
  // Device and stream as the arguments say; where they do not, pid and tid, which are the same.
  trace::TrackIndex gpuRow(const chrome::ChromeEvent& event, const Arguments& arguments) {
    return row(RowKind::kGpu, {event.process, event.thread, arguments.device, arguments.stream});
  }

  // Flows name their ends by place, maybe before the row has an event: find() it when all are in.
  RowPlace placeOf(const chrome::ChromeEvent& event);
  trace::TrackIndex find(RowKind kind, RowPlace place) const;  // kNoIndex: no such row

  void nameThread(const chrome::ChromeEvent& metadata, std::string_view name);
  void nameProcess(const chrome::ChromeEvent& metadata, std::string_view name);
  // Labels all rows. Call once, when all metadata has been seen.
  void applyNames();

 private:
  // A row's place: numbers where the file has numbers, else interned texts.
  struct Key {
    RowKind kind = RowKind::kGeneric;
    int64_t process = 0;
    int64_t thread = 0;
    bool operator==(const Key&) const = default;
  };
  struct Hash {
    size_t operator()(const Key& key) const;
  };

  // What tells a row, as text.
  struct Place {
    std::string_view process, thread, device, stream;
  };
  trace::TrackIndex row(RowKind kind, const Place& place);
  Key keyOf(RowKind kind, const Place& place);
  trace::TrackIndex rowOf(const Key& key);
  std::string labelOf(const Key& key) const;
  std::string describe(int64_t number) const;
  // The number in "7" or "stream 7"; a text that is no number gets one of its own, far from ids.
  int64_t numberOf(std::string_view text);

  trace::TraceBuilder& m_builder;
  uint32_t m_rank;
  std::unordered_map<Key, trace::TrackIndex, Hash> m_rows;
  std::unordered_map<Key, trace::NameId, Hash> m_threadNames;  // kind is kGeneric here
  std::unordered_map<int64_t, trace::NameId> m_processNames;
  std::unordered_map<std::string, int64_t> m_texts;
  // Neighbours mostly share a row with the last event of their kind.
  struct Last {
    std::string process, thread, device, stream;
    trace::TrackIndex row = trace::kNoIndex;
  };
  std::array<Last, 3> m_last;  // by RowKind
};

}  // namespace caracal::import::kineto
