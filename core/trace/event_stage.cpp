#include "core/trace/event_stage.h"

#include <algorithm>
#include <cassert>
#include <numeric>

#include "core/trace/freed_memory.h"

namespace caracal::trace {
namespace {

// A packed page begins with the base of each column and one word of widths, eight bits each.
constexpr size_t kWidthsWord = 6;
constexpr size_t kHeadWords = 7;
constexpr size_t kMostPages = size_t{1} << 24;
// Tracks of few events take little, those of many are freed in large pieces.
constexpr size_t kLeastSlabWords = 512;
constexpr size_t kMostSlabWords = 32 * 1024;
constexpr size_t kEventsBetweenTrims = 1 << 18;

unsigned widthOf(const uint64_t* page, size_t column) {
  return static_cast<unsigned>(page[kWidthsWord] >> (8 * column) & 255);
}

// Longer first among those that begin together.
bool isBefore(const StagedEvent& a, const StagedEvent& b) {
  return a.beginNs != b.beginNs ? a.beginNs < b.beginNs : a.durationNs > b.durationNs;
}

std::array<int64_t, 6> columnsOf(const StagedEvent& event) {
  return {event.beginNs,
          event.durationNs,
          static_cast<int64_t>(event.correlation),
          int64_t{event.name},
          event.argsRow == kNoIndex ? 0 : int64_t{event.argsRow} + 1,
          static_cast<int64_t>(event.kind)};
}

}  // namespace

int64_t EventStage::value(const Page& page, Column column, size_t i) {
  const uint64_t* const words = page.packed.get();
  size_t first = kHeadWords;
  for (size_t c = 0; c < column; ++c) first += packedWords(kPageSize, widthOf(words, c));
  return unpackBits(words + first, i, static_cast<int64_t>(words[column]), widthOf(words, column));
}

StagedEvent EventStage::operator[](EventIndex e) const {
  const Page& page = m_pages[e >> kPageBits];
  const size_t i = e & (kPageSize - 1);
  if (page.packed == nullptr) return page.events[i];
  const uint64_t* const words = page.packed.get();
  std::array<int64_t, kColumns> values;
  size_t first = kHeadWords;
  for (size_t c = 0; c < kColumns; ++c) {
    const unsigned width = widthOf(words, c);
    values[c] = unpackBits(words + first, i, static_cast<int64_t>(words[c]), width);
    first += packedWords(kPageSize, width);
  }
  return {values[kBegin],
          values[kDuration],
          static_cast<uint64_t>(values[kCorrelation]),
          static_cast<NameId>(values[kName]),
          static_cast<uint32_t>(values[kArgsRow] - 1),  // 0, none, becomes kNoIndex
          static_cast<EventKind>(values[kKind])};
}

void EventStage::eventsOf(const Page& page, std::vector<StagedEvent>& events) {
  if (page.packed == nullptr) {
    events = page.events;
    return;
  }
  events.resize(page.count);
  const uint64_t* const words = page.packed.get();
  size_t first = kHeadWords;
  const auto column = [&](Column c, auto&& take) {
    const auto base = static_cast<int64_t>(words[c]);
    const unsigned width = widthOf(words, c);
    for (size_t i = 0; i < events.size(); ++i)
      take(events[i], unpackBits(words + first, i, base, width));
    first += packedWords(kPageSize, width);
  };
  column(kBegin, [](StagedEvent& event, int64_t value) { event.beginNs = value; });
  column(kDuration, [](StagedEvent& event, int64_t value) { event.durationNs = value; });
  column(kCorrelation, [](StagedEvent& event, int64_t value) {
    event.correlation = static_cast<uint64_t>(value);
  });
  column(kName, [](StagedEvent& event, int64_t value) { event.name = static_cast<NameId>(value); });
  column(kArgsRow, [](StagedEvent& event, int64_t value) {
    event.argsRow = static_cast<uint32_t>(value - 1);  // 0, none, becomes kNoIndex
  });
  column(kKind,
         [](StagedEvent& event, int64_t value) { event.kind = static_cast<EventKind>(value); });
}

int64_t EventStage::beginOf(EventIndex e) const {
  const Page& page = m_pages[e >> kPageBits];
  const size_t i = e & (kPageSize - 1);
  return page.packed == nullptr ? page.events[i].beginNs : value(page, kBegin, i);
}

uint32_t EventStage::addPage(TrackIndex track) {
  if (m_pages.size() == kMostPages) throw std::bad_alloc();
  m_pages.emplace_back().track = track;
  // A track's first page grows with it; the others are likely to become full.
  if (!m_tracks[track].pages.empty()) m_pages.back().events.reserve(kPageSize);
  const auto page = static_cast<uint32_t>(m_pages.size() - 1);
  m_tracks[track].pages.push_back(page);
  return page;
}

EventIndex EventStage::add(TrackIndex track, const StagedEvent& event) {
  if (track >= m_tracks.size()) m_tracks.resize(size_t{track} + 1);
  TrackPages& own = m_tracks[track];
  if (own.pages.empty() || m_pages[own.pages.back()].count == kPageSize) {
    if (!own.pages.empty() && m_pages[own.pages.back()].packed == nullptr)
      pack(m_pages[own.pages.back()], &own.slab);
    addPage(track);
  }
  const uint32_t number = own.pages.back();
  Page& page = m_pages[number];
  page.events.push_back(event);
  ++m_size;
  return static_cast<EventIndex>(number << kPageBits | page.count++);
}

void EventStage::pack(Page& page, Slab* slab) {
  std::array<std::array<int64_t, kPageSize>, kColumns> columns;
  for (size_t i = 0; i < kPageSize; ++i) {
    const auto values = columnsOf(page.events[i]);
    for (size_t c = 0; c < kColumns; ++c) columns[c][i] = values[c];
  }
  std::array<uint64_t, kHeadWords> head{};
  size_t needed = kHeadWords + PackedColumn::kPaddingWords;
  for (size_t c = 0; c < kColumns; ++c) {
    const auto [least, most] = std::minmax_element(columns[c].begin(), columns[c].end());
    const unsigned width =
        packedWidth(static_cast<uint64_t>(*most) - static_cast<uint64_t>(*least));
    head[c] = static_cast<uint64_t>(*least);
    head[kWidthsWord] |= uint64_t{width} << (8 * c);
    needed += packedWords(kPageSize, width);
  }
  Slab alone;
  Slab& memory = slab == nullptr ? alone : *slab;
  if (memory.used + needed > memory.capacity) {
    const size_t wanted = std::clamp(2 * memory.capacity, kLeastSlabWords, kMostSlabWords);
    memory.capacity = slab == nullptr ? needed : std::max(wanted, needed);
    memory.words = std::make_shared<uint64_t[]>(memory.capacity);
    memory.used = 0;
  }
  uint64_t* const words = memory.words.get() + memory.used;
  std::copy(head.begin(), head.end(), words);
  size_t first = kHeadWords;
  for (size_t c = 0; c < kColumns; ++c) {
    packBits(columns[c], static_cast<int64_t>(head[c]), widthOf(words, c), words + first);
    first += packedWords(kPageSize, widthOf(words, c));
  }
  memory.used += needed;
  page.packed = std::shared_ptr<uint64_t>(memory.words, words);
  page.events = std::vector<StagedEvent>();  // "{}" would keep the memory
}

void EventStage::unpack(uint32_t number) {
  Page& page = m_pages[number];
  std::vector<StagedEvent> events;
  eventsOf(page, events);
  page.events = std::move(events);
  page.packed.reset();
}

void EventStage::open(uint32_t page) {
  uint32_t& place = m_open[page % m_open.size()];
  if (place != kNoPage && place != page && m_pages[place].packed == nullptr)
    pack(m_pages[place], nullptr);
  unpack(page);
  place = page;
}

void EventStage::set(EventIndex e, const StagedEvent& event) {
  const auto number = static_cast<uint32_t>(e >> kPageBits);
  if (m_pages[number].packed != nullptr) open(number);
  m_pages[number].events[e & (kPageSize - 1)] = event;
}

void EventStage::shift(int64_t byNs) {
  for (Page& page : m_pages) {
    // Packed times are differences from their base.
    if (page.packed != nullptr) page.packed.get()[kBegin] += static_cast<uint64_t>(byNs);
    for (StagedEvent& event : page.events) event.beginNs += byNs;
  }
}

int64_t EventStage::leastBegin(const Page& page) const {
  if (page.packed != nullptr) return static_cast<int64_t>(page.packed.get()[kBegin]);
  return std::min_element(page.events.begin(), page.events.end(),
                          [](const auto& a, const auto& b) { return a.beginNs < b.beginNs; })
      ->beginNs;
}

TrackCursor::TrackCursor(EventStage& stage, TrackIndex track) : m_stage(stage) {
  if (track >= stage.m_tracks.size()) return;
  uint32_t turn = 0;
  for (const uint32_t page : stage.m_tracks[track].pages)
    m_waiting.push_back({stage.leastBegin(stage.m_pages[page]), turn++, page});
  std::sort(m_waiting.begin(), m_waiting.end(), [](const Waiting& a, const Waiting& b) {
    return a.beginNs != b.beginNs ? a.beginNs > b.beginNs : a.turn > b.turn;
  });
  stage.m_tracks[track] = {};
}

bool TrackCursor::later(const Run& a, const Run& b) {
  if (isBefore(a.head, b.head) || isBefore(b.head, a.head)) return isBefore(b.head, a.head);
  return a.turn > b.turn;
}

void TrackCursor::readHead(Run& run) const {
  const size_t place = run.order.empty() ? run.done : run.order[run.done];
  run.e = static_cast<EventIndex>(run.page << EventStage::kPageBits | place);
  run.head = run.events.empty() ? m_stage[run.e] : run.events[place];
}

void TrackCursor::begin(const Waiting& waiting) {
  Run run{.page = waiting.page, .turn = waiting.turn};
  EventStage::eventsOf(m_stage.m_pages[run.page], run.events);
  const std::vector<StagedEvent>& events = run.events;
  if (!std::is_sorted(events.begin(), events.end(), isBefore)) {
    run.order.resize(events.size());
    std::iota(run.order.begin(), run.order.end(), uint8_t{0});
    std::stable_sort(run.order.begin(), run.order.end(),
                     [&](uint8_t a, uint8_t b) { return isBefore(events[a], events[b]); });
  }
  if (m_runs.size() >= kMostUnpacked) run.events = std::vector<StagedEvent>();
  readHead(run);
  m_runs.push_back(std::move(run));
  std::push_heap(m_runs.begin(), m_runs.end(), later);
}

void TrackCursor::sinkFirst() {
  for (size_t at = 0;;) {
    size_t first = at;
    for (const size_t below : {2 * at + 1, 2 * at + 2}) {
      if (below < m_runs.size() && later(m_runs[first], m_runs[below])) first = below;
    }
    if (first == at) return;
    std::swap(m_runs[at], m_runs[first]);
    at = first;
  }
}

void TrackCursor::release(uint32_t page) {
  m_freed += m_stage.m_pages[page].count;
  m_stage.m_pages[page] = {};
  if (m_freed < kEventsBetweenTrims) return;
  m_freed = 0;
  giveBackFreedMemory();
}

bool TrackCursor::next(EventIndex& e, StagedEvent& event) {
  // A page whose first event comes no later than all that are open must be open too.
  while (!m_waiting.empty() &&
         (m_runs.empty() || m_waiting.back().beginNs <= m_runs.front().head.beginNs)) {
    const Waiting waiting = m_waiting.back();
    m_waiting.pop_back();
    begin(waiting);
  }
  if (m_runs.empty()) return false;
  Run& run = m_runs.front();
  e = run.e;
  event = run.head;
  if (++run.done == m_stage.m_pages[run.page].count) {
    release(run.page);
    std::swap(run, m_runs.back());
    m_runs.pop_back();
  } else {
    readHead(run);
  }
  sinkFirst();
  return true;
}

}  // namespace caracal::trace
