// EventStage: the events of a TraceBuilder until they are put in order. They are held by track in
// pages of 256, which are packed as soon as they are full: a file of any size takes about as much
// memory while it is read as the Trace made of it. In order they come out of a TrackCursor, which
// frees the pages it has passed.
#pragma once

#include <array>
#include <memory>
#include <vector>

#include "core/trace/event_store.h"
#include "core/trace/word_block.h"

namespace caracal::trace {

struct StagedEvent {
  int64_t beginNs = 0;
  int64_t durationNs = 0;
  uint64_t correlation = 0;  // 0 = none
  NameId name = 0;
  uint32_t argsRow = kNoIndex;
  EventKind kind = EventKind::kOther;
};

class EventStage {
 public:
  EventStage() { m_open.fill(kNoPage); }

  // Number of the new event, in which its page and its place there are told. Numbers have gaps.
  // Throws std::bad_alloc when there are no more of them (some 4 billion events, or 16 million
  // tracks).
  EventIndex add(TrackIndex track, const StagedEvent& event);
  // REQUIRES a number that add() gave.
  StagedEvent operator[](EventIndex e) const;
  int64_t beginOf(EventIndex e) const;
  TrackIndex trackOf(EventIndex e) const { return m_pages[e >> kPageBits].track; }
  // Changes an event. Some microseconds when its page has been packed, unless it was changed
  // lately.
  void set(EventIndex e, const StagedEvent& event);
  void shift(int64_t byNs);
  size_t size() const { return m_size; }
  size_t pageCount() const { return m_pages.size(); }
  static size_t pageOf(EventIndex e) { return e >> kPageBits; }

  // Calls visit(e, event) for every event of the tracks that takes(track) names, page after page.
  // It may change events, not add any.
  template <class Takes, class Visit>
  void forEachOf(Takes&& takes, Visit&& visit) const {
    std::vector<StagedEvent> events;
    for (size_t p = 0; p < m_pages.size(); ++p) {
      if (!takes(m_pages[p].track)) continue;
      eventsOf(m_pages[p], events);
      for (size_t i = 0; i < events.size(); ++i)
        visit(static_cast<EventIndex>(p << kPageBits | i), events[i]);
    }
  }
  template <class Visit>
  void forEach(Visit&& visit) const {
    forEachOf([](TrackIndex) { return true; }, visit);
  }

 private:
  friend class TrackCursor;
  static constexpr size_t kPageBits = PackedColumn::kBlockBits;
  static constexpr size_t kPageSize = size_t{1} << kPageBits;
  static constexpr uint32_t kNoPage = ~uint32_t{0};
  enum Column : size_t { kBegin, kDuration, kCorrelation, kName, kArgsRow, kKind, kColumns };
  static constexpr bool zeroMeansNone(size_t column) {
    return column == kCorrelation || column == kArgsRow;
  }

  struct Page {
    TrackIndex track = 0;
    uint16_t count = 0;
    // Of a full page: for each column where its words begin, its width and its base. Null while
    // `events` holds them.
    std::shared_ptr<uint64_t> packed;
    std::vector<StagedEvent> events;
  };
  // Memory for the packed pages of one track: they are freed together.
  struct Slab {
    std::shared_ptr<const WordBlock> words;
    size_t used = 0;
  };
  struct TrackPages {
    std::vector<uint32_t> pages;
    Slab slab;
  };

  static int64_t value(const Page& page, Column column, size_t i);
  // All events of a page at once.
  static void eventsOf(const Page& page, std::vector<StagedEvent>& events);
  uint32_t addPage(TrackIndex track);
  // Into `slab`, or memory of its own when there is none.
  void pack(Page& page, Slab* slab);
  void unpack(uint32_t page);
  // Unpacks a page for changes; the one that had its place is packed again.
  void open(uint32_t page);
  int64_t leastBegin(const Page& page) const;

  std::vector<Page> m_pages;
  std::vector<TrackPages> m_tracks;
  std::array<uint32_t, 64> m_open;  // full pages that are unpacked, by their number's last bits
  size_t m_size = 0;
};

// The events of one track by (begin, longer first), equal ones as they came.
class TrackCursor {
 public:
  TrackCursor(EventStage& stage, TrackIndex track);
  // The next event, whose number is no longer valid in the stage; false: there is none.
  bool next(EventIndex& e, StagedEvent& event);

 private:
  // A page that has begun. Its events' places in order, unless they lie so.
  struct Run {
    uint32_t page = 0;
    uint32_t turn = 0;  // of the page in its track
    uint16_t done = 0;
    std::vector<uint8_t> order;
    std::vector<StagedEvent> events;  // empty when many pages are open: they are read one by one
    StagedEvent head;
    EventIndex e = 0;
  };
  static constexpr size_t kMostUnpacked = 256;
  struct Waiting {
    int64_t beginNs = 0;
    uint32_t turn = 0;
    uint32_t page = 0;
  };
  static bool later(const Run& a, const Run& b);
  void begin(const Waiting& waiting);
  void readHead(Run& run) const;
  // Puts the first run of the heap where it belongs.
  void sinkFirst();
  void release(uint32_t page);

  EventStage& m_stage;
  std::vector<Waiting> m_waiting;  // sorted, the next one last
  std::vector<Run> m_runs;         // heap, the earliest head first
  size_t m_freed = 0;              // events since freed memory was given back
};

}  // namespace caracal::trace
