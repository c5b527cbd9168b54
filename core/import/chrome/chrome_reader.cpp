#include "core/import/chrome/chrome_reader.h"

#include <algorithm>
#include <cassert>
#include <cctype>
#include <cstring>
#include <optional>
#include <vector>

#include "core/import/chrome/element_scanner.h"
#include "core/import/chrome/event_parser.h"
#include "core/import/chrome/json_text.h"
#include "core/import/chrome/utf8_source.h"

namespace caracal::import::chrome {
namespace {

using trace::Defect;

tl::unexpected<Error> failAt(int64_t offset, std::string_view what) {
  constexpr std::string_view kRemedy =
      "; check that it is the file that the profiler wrote, and copy it again";
  Error error{ErrorCode::kInvalidInput, std::string(what).append(kRemedy),
              fmt::format("byte {}", offset)};
  return tl::unexpected(std::move(error));
}

// The part of the text that is in memory: grows only when one JSON value does not fit.
class TextWindow {
 public:
  TextWindow(Utf8Source source, size_t blockBytes)
      : m_source(std::move(source)), m_bytes(blockBytes + kParserPadding) {}

  std::string_view text() const { return {m_bytes.data(), m_size}; }
  char* data() { return m_bytes.data(); }
  bool atEnd() const { return m_atEnd; }
  int64_t offsetOf(size_t position) const { return m_offset + static_cast<int64_t>(position); }
  const Utf8Source& source() const { return m_source; }

  // Drops what lies before `keepFrom` and reads on.
  Result<void> advance(size_t keepFrom) {
    m_size -= keepFrom;
    m_offset += static_cast<int64_t>(keepFrom);
    std::memmove(data(), data() + keepFrom, m_size);
    const size_t capacity = m_bytes.size() - kParserPadding;
    if (m_size > capacity / 2) m_bytes.resize(m_bytes.size() + capacity);
    const size_t room = m_bytes.size() - kParserPadding - m_size;
    CARACAL_TRY(got, m_source.read(data() + m_size, room));
    m_size += got;
    m_atEnd = got < room;
    std::memset(data() + m_size, 0, kParserPadding);
    return {};
  }

 private:
  Utf8Source m_source;
  std::vector<char> m_bytes;
  size_t m_size = 0;
  int64_t m_offset = 0;  // of the text's first byte in the file
  bool m_atEnd = false;
};

class Reader {
 public:
  Reader(Utf8Source source, const EventSink& sink, size_t blockBytes)
      : m_window(std::move(source), blockBytes), m_sink(sink) {}

  Result<ChromeDocument> run(std::stop_token stop, const Progress& progress);

 private:
  enum class Phase { kStart, kMembers, kEvents, kDone };
  enum class Step { kGoOn, kNeedsMore };

  Result<Step> step();
  Result<Step> start();
  Result<Step> member();
  Result<Step> takeValue(const std::string& key, size_t value);
  Step events();
  Step scannedEvent();
  void beginEvents(size_t position);
  // The text is used up although something is still open.
  Result<void> endedEarly();
  void truncated(std::string_view what);
  size_t keepFrom() const { return m_phase == Phase::kEvents ? m_scanner.keepFrom() : m_position; }

  TextWindow m_window;
  const EventSink& m_sink;
  ChromeDocument m_document;
  Phase m_phase = Phase::kStart;
  size_t m_position = 0;  // next byte to look at, outside of the event array
  ElementScanner m_scanner;
  EventParser m_parser;
  bool m_foundEvents = false;
};

void Reader::beginEvents(size_t position) {
  m_phase = Phase::kEvents;
  m_foundEvents = true;
  m_scanner.start(position);
}

Result<Reader::Step> Reader::start() {
  m_position = skipBlanks(m_window.text(), m_position);
  if (m_position == m_window.text().size()) return Step::kNeedsMore;
  const char first = m_window.text()[m_position];
  if (first != '{' && first != '[') {
    return failAt(m_window.offsetOf(m_position), "this is not JSON: expected '{' or '['");
  }
  ++m_position;
  m_document.bareArray = first == '[';
  if (m_document.bareArray) {
    beginEvents(m_position);
  } else {
    m_phase = Phase::kMembers;
  }
  return Step::kGoOn;
}

Result<Reader::Step> Reader::member() {
  const std::string_view text = m_window.text();
  size_t at = skipBlanks(text, m_position);
  while (at < text.size() && text[at] == ',') at = skipBlanks(text, at + 1);
  if (at == text.size()) return Step::kNeedsMore;
  if (text[at] == '}') {
    m_phase = Phase::kDone;
    return Step::kGoOn;
  }
  if (text[at] != '"')
    return failAt(m_window.offsetOf(at), "this is not JSON: expected a key in quotes");
  const auto keyEnd = endOfString(text, at);
  if (!keyEnd) return Step::kNeedsMore;
  size_t value = skipBlanks(text, *keyEnd);
  if (value == text.size()) return Step::kNeedsMore;
  if (text[value] != ':')
    return failAt(m_window.offsetOf(value), "this is not JSON: expected ':' behind a key");
  value = skipBlanks(text, value + 1);
  if (value == text.size()) return Step::kNeedsMore;
  return takeValue(unescaped(text.substr(at, *keyEnd - at)), value);
}

Result<Reader::Step> Reader::takeValue(const std::string& key, size_t value) {
  const std::string_view text = m_window.text();
  if (key == "traceEvents" && text[value] == '[') {
    beginEvents(value + 1);
    return Step::kGoOn;
  }
  const auto end = endOfValue(text, value);
  // A number at the very end of the window may go on behind it.
  if (!end || (*end == text.size() && !m_window.atEnd())) return Step::kNeedsMore;
  if (*end == value) return failAt(m_window.offsetOf(value), "this is not JSON: expected a value");
  m_document.members[key] = std::string(text.substr(value, *end - value));
  m_position = *end;
  return Step::kGoOn;
}

// Entries one behind the other as long as they are plain; the scanner finds the end of one that is
// not, and of the array.
Reader::Step Reader::events() {
  const std::string_view text = m_window.text();
  m_scanner.start(m_scanner.keepFrom());  // what the scanner had begun when the text ended
  for (;;) {
    size_t at = skipBlanks(text, m_scanner.position());
    if (at < text.size() && text[at] == ',') at = skipBlanks(text, at + 1);
    const size_t length =
        at < text.size() ? m_parser.parsePlain(text.substr(at), m_sink) : size_t{0};
    if (length == 0) break;
    ++m_document.entries;
    m_scanner.start(at + length);
  }
  return scannedEvent();
}

Reader::Step Reader::scannedEvent() {
  const auto input =
      m_window.atEnd() ? ElementScanner::Input::kLast : ElementScanner::Input::kMoreFollows;
  Slice entry;
  switch (m_scanner.next(m_window.text(), input, entry)) {
    case ElementScanner::Status::kNeedsMore:
      return Step::kNeedsMore;
    case ElementScanner::Status::kElement:
      m_parser.parse(m_window.text().substr(entry.begin, entry.end - entry.begin), m_sink,
                     m_document.report);
      ++m_document.entries;
      return Step::kGoOn;
    case ElementScanner::Status::kArrayClosed:
      break;
  }
  m_position = m_scanner.position();
  m_phase = m_document.bareArray ? Phase::kDone : Phase::kMembers;
  return Step::kGoOn;
}

Result<Reader::Step> Reader::step() {
  switch (m_phase) {
    case Phase::kStart:
      return start();
    case Phase::kMembers:
      return member();
    case Phase::kEvents:
      return events();
    case Phase::kDone:
      break;
  }
  return Step::kGoOn;
}

void Reader::truncated(std::string_view what) {
  m_document.report.count(Defect::kTruncatedInput);
  m_document.report.notes.push_back(
      fmt::format("{}; {} entries before it were kept; copy the file again, or record again", what,
                  m_document.entries + m_scanner.scalars()));
}

Result<void> Reader::endedEarly() {
  const int64_t size = m_window.offsetOf(m_window.text().size());
  if (m_phase == Phase::kStart) {
    return failAt(size, "the file holds only white space, no events");
  }
  if (!m_foundEvents) {
    return failAt(size, "the file ends before its events begin: it is cut, or not a trace");
  }
  const InputEnd end = m_window.source().stream().end();
  if (end == InputEnd::kDamagedGzip) {
    truncated(fmt::format("the compressed data is damaged at byte {} of the text", size));
  } else if (end == InputEnd::kCutGzip) {
    truncated(fmt::format("the compressed data is cut at byte {} of the text", size));
  } else if (m_phase == Phase::kEvents && m_scanner.insideElement()) {
    truncated(fmt::format("the file ends at byte {} inside the entry that begins at byte {}", size,
                          m_window.offsetOf(m_scanner.openElement())));
  } else if (m_phase == Phase::kMembers &&
             skipBlanks(m_window.text(), m_position) < m_window.text().size()) {
    truncated(fmt::format("the file ends at byte {} inside its metadata", size));
  } else {
    m_document.report.count(Defect::kMissingCloseBracket);
  }
  return {};
}

Result<ChromeDocument> Reader::run(std::stop_token stop, const Progress& progress) {
  CARACAL_CHECK_OK(m_window.advance(0));
  while (m_phase != Phase::kDone) {
    if (stop.stop_requested()) return fail(ErrorCode::kCancelled, "reading was cancelled");
    CARACAL_TRY(outcome, step());
    if (outcome == Step::kGoOn) continue;
    if (m_window.atEnd()) {
      CARACAL_CHECK_OK(endedEarly());
      break;
    }
    const size_t dropped = keepFrom();
    CARACAL_CHECK_OK(m_window.advance(dropped));
    m_phase == Phase::kEvents ? m_scanner.moved(dropped) : static_cast<void>(m_position -= dropped);
    report(progress, m_window.source().stream().fraction(), "reading events");
  }
  const Encoding encoding = m_window.source().encoding();
  m_document.report.count(Defect::kConvertedEncoding, encoding == Encoding::kUtf8 ? 0 : 1);
  m_document.report.count(Defect::kNotAnObject, m_scanner.scalars());
  m_document.entries += m_scanner.scalars();
  if (!m_foundEvents) {
    return fail(
        ErrorCode::kInvalidInput,
        "no events: the object has no \"traceEvents\" array, so it is not a trace; open the file "
        "that the profiler wrote");
  }
  if (m_document.entries == 0) {
    return fail(
        ErrorCode::kInvalidInput,
        "no events: the event array is empty; profile at least one step, docs/recording.md");
  }
  return std::move(m_document);
}

}  // namespace

const std::string& ChromeDocument::member(const std::string& key) const {
  static const std::string kNone;
  const auto found = members.find(key);
  return found == members.end() ? kNone : found->second;
}

bool looksLikeJson(std::string_view head) {
  const Encoding encoding = encodingOf(head);
  if (encoding == Encoding::kUtf16Little || encoding == Encoding::kUtf16Big) {
    std::string rest;
    return looksLikeJson(utf8OfUtf16(head, encoding, rest));
  }
  if (encoding == Encoding::kUtf8WithMark) head.remove_prefix(3);
  const size_t first = skipBlanks(head, 0);
  return first < head.size() && (head[first] == '{' || head[first] == '[');
}

Result<ChromeDocument> readChromeTrace(const std::string& path, const EventSink& sink,
                                       std::stop_token stop, const Progress& progress,
                                       size_t blockBytes) {
  CARACAL_TRY(source, Utf8Source::open(path));
  return Reader(std::move(source), sink, blockBytes).run(stop, progress);
}

}  // namespace caracal::import::chrome
