#include "core/trace/event_stage.h"

#include <algorithm>
#include <cassert>

namespace caracal::trace {
namespace {

// A packed page begins with the base of each column and one word of widths, eight bits each. In
// columns where 0 means none, the base does: ids that lie among events without one cost no more
// bits than ids alone.
constexpr size_t kWidthsWord = 6;
constexpr size_t kHeadWords = 7;
constexpr size_t kMostPages = size_t{1} << 24;
// Tracks of few events take little, those of many are freed in large pieces.
constexpr size_t kLeastSlabWords = 512;
constexpr size_t kMostSlabWords = 32 * 1024;

unsigned widthOf(const uint64_t* page, size_t column) {
  return static_cast<unsigned>(page[kWidthsWord] >> (8 * column) & 255);
}

// The least and the largest of a column's values.
struct Extent {
  int64_t least = 0;
  int64_t most = 0;
  uint64_t spread() const { return static_cast<uint64_t>(most) - static_cast<uint64_t>(least); }
};

Extent extentOf(std::span<const int64_t> values) {
  const auto [least, most] = std::minmax_element(values.begin(), values.end());
  return {*least, *most};
}

// Puts a base that no id has in the place of each 0, just below the ids.
Extent replaceNone(std::span<int64_t> values) {
  int64_t least = 0, most = 0;
  for (const int64_t value : values) {
    if (value == 0) continue;
    least = least == 0 ? value : std::min(least, value);
    most = most == 0 ? value : std::max(most, value);
  }
  const Extent whole = extentOf(values);
  // Ids of 64 bits may leave no value free below them: 0 is one that none has.
  if (least <= 0) return {0, whole.spread() == 0 ? 0 : -1};
  std::replace(values.begin(), values.end(), int64_t{0}, least - 1);
  return {least - 1, most};
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
    const auto base = static_cast<int64_t>(words[c]);
    values[c] = unpackBits(words + first, i, base, width);
    if (zeroMeansNone(c) && values[c] == base) values[c] = 0;
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
    for (size_t i = 0; i < events.size(); ++i) {
      const int64_t value = unpackBits(words + first, i, base, width);
      take(events[i], zeroMeansNone(c) && value == base ? 0 : value);
    }
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
    const Extent extent = zeroMeansNone(c) ? replaceNone(columns[c]) : extentOf(columns[c]);
    const unsigned width = packedWidth(extent.spread());
    head[c] = static_cast<uint64_t>(extent.least);
    head[kWidthsWord] |= uint64_t{width} << (8 * c);
    needed += packedWords(kPageSize, width);
  }
  Slab alone;
  Slab& memory = slab == nullptr ? alone : *slab;
  const size_t capacity = memory.words == nullptr ? 0 : memory.words->capacity();
  if (memory.used + needed > capacity) {
    const size_t wanted = std::clamp(2 * capacity, kLeastSlabWords, kMostSlabWords);
    memory.words = std::make_shared<const WordBlock>(
        WordBlock::zeroed(slab == nullptr ? needed : std::max(wanted, needed)));
    memory.used = 0;
  }
  uint64_t* const words = memory.words->data() + memory.used;
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

}  // namespace caracal::trace
