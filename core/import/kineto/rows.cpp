#include "core/import/kineto/rows.h"

#include <fmt/format.h>

#include <limits>

#include "core/import/chrome/decimal.h"

namespace caracal::import::kineto {
namespace {

using chrome::ChromeEvent;
using chrome::signedInteger;
using chrome::withoutQuotes;
using trace::Track;
using trace::TrackIndex;
using trace::TrackKind;

// Texts that are no numbers ("Spans", "") are numbered from here, below any id.
constexpr int64_t kFirstText = std::numeric_limits<int64_t>::min() / 2;
// CUPTI's "no stream", printed unsigned.
constexpr int64_t kNoStream = 4294967295;
constexpr std::string_view kStreamPrefix = "stream ";

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

// -1 for rows that the file names by a text.
int64_t numberOrNone(int64_t number) {
  return number < kFirstText / 2 ? -1 : number;
}

int32_t deviceOf(int64_t number) {
  return number >= 0 && number < (1 << 20) ? static_cast<int32_t>(number) : -1;
}

}  // namespace

size_t Rows::Hash::operator()(const Key& key) const {
  const auto mix =
      static_cast<uint64_t>(key.process) * 0x9E3779B97F4A7C15u + static_cast<uint64_t>(key.thread);
  return static_cast<size_t>((mix ^ (mix >> 29)) * 0xBF58476D1CE4E5B9u +
                             static_cast<uint64_t>(key.kind));
}

int64_t Rows::numberOf(std::string_view text) {
  if (const auto number = signedInteger(text)) return *number;
  if (text.substr(0, kStreamPrefix.size()) == kStreamPrefix) {
    if (const auto number = signedInteger(trimmed(text.substr(kStreamPrefix.size()))))
      return *number;
  }
  return m_texts.try_emplace(std::string(text), kFirstText + static_cast<int64_t>(m_texts.size()))
      .first->second;
}

RowPlace Rows::placeOf(const ChromeEvent& event) {
  return {numberOf(event.process), numberOf(event.thread)};
}

// Device and stream are of GPU rows only. CUPTI's "no stream" leaves the row's own number.
Rows::Key Rows::keyOf(RowKind kind, const Place& place) {
  Key key{kind, numberOf(place.process), numberOf(place.thread)};
  if (kind != RowKind::kGpu) return key;
  const auto device = signedInteger(withoutQuotes(place.device));
  const auto stream = signedInteger(withoutQuotes(place.stream));
  if (device && *device >= 0) key.process = *device;
  if (stream && *stream >= 0 && *stream != kNoStream) key.thread = *stream;
  return key;
}

TrackIndex Rows::row(RowKind kind, const Place& place) {
  Last& last = m_last[static_cast<size_t>(kind)];
  if (last.row != trace::kNoIndex && last.thread == place.thread && last.stream == place.stream &&
      last.process == place.process && last.device == place.device) {
    return last.row;
  }
  last.row = rowOf(keyOf(kind, place));
  last.process = place.process;
  last.thread = place.thread;
  last.device = place.device;
  last.stream = place.stream;
  return last.row;
}

TrackIndex Rows::find(RowKind kind, RowPlace place) const {
  const auto found = m_rows.find({kind, place.process, place.thread});
  return found == m_rows.end() ? trace::kNoIndex : found->second;
}

TrackIndex Rows::rowOf(const Key& key) {
  const auto [found, isNew] = m_rows.try_emplace(key, trace::kNoIndex);
  if (isNew) {
    Track track;
    track.kind = key.kind == RowKind::kGpu    ? TrackKind::kGpuStream
                 : key.kind == RowKind::kHost ? TrackKind::kCpuThread
                                              : TrackKind::kOther;
    track.rank = m_rank;
    track.device = key.kind == RowKind::kGpu ? deviceOf(key.process) : -1;
    track.process = numberOrNone(key.process);
    track.id = numberOrNone(key.thread);
    found->second = m_builder.addTrack(std::move(track));
  }
  return found->second;
}

void Rows::nameThread(const ChromeEvent& metadata, std::string_view name) {
  const Key key = keyOf(RowKind::kGeneric, {metadata.process, metadata.thread, {}, {}});
  m_threadNames[key] = m_builder.intern(trimmed(name));
}

void Rows::nameProcess(const ChromeEvent& metadata, std::string_view name) {
  m_processNames[numberOf(metadata.process)] = m_builder.intern(trimmed(name));
}

std::string Rows::describe(int64_t number) const {
  for (const auto& [text, own] : m_texts) {
    if (own == number) return text.empty() ? "(unnamed)" : text;
  }
  return std::to_string(number);
}

std::string Rows::labelOf(const Key& key) const {
  const auto named = m_threadNames.find({RowKind::kGeneric, key.process, key.thread});
  const std::string name =
      named == m_threadNames.end() ? "" : std::string(m_builder.nameOf(named->second));
  if (key.kind == RowKind::kGpu) {
    // A host thread may share the numbers of a stream, and with them its name.
    return name.rfind(kStreamPrefix, 0) == 0 ? name
                                             : fmt::format("stream {}", describe(key.thread));
  }
  if (key.kind == RowKind::kHost) {
    return name.empty() || name.rfind(kStreamPrefix, 0) == 0
               ? fmt::format("thread {}", describe(key.thread))
               : name;
  }
  const auto process = m_processNames.find(key.process);
  const std::string owner = process == m_processNames.end()
                                ? describe(key.process)
                                : std::string(m_builder.nameOf(process->second));
  if (key.process == -1) return "profiler overhead";
  const std::string own = name.empty() ? describe(key.thread) : name;
  return owner == own ? own : owner + " " + own;
}

void Rows::applyNames() {
  for (const auto& [key, track] : m_rows) m_builder.track(track).label = labelOf(key);
}

}  // namespace caracal::import::kineto
