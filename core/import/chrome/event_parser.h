// EventParser: from the text of an array's entries to ChromeEvents. Nearly all are read in one pass
// (PlainEventReader); the rest by simdjson, and where that fails too, after a repair of the text.
#pragma once

#include <memory>
#include <string_view>

#include "core/import/chrome/chrome_event.h"
#include "core/trace/import_report.h"

namespace caracal::import::chrome {

// Bytes that must follow the text in its buffer, all zero.
inline constexpr size_t kParserPadding = 64;

class EventParser {
 public:
  EventParser();
  ~EventParser();

  // Bytes of the entry that `text` begins with, which `sink` has got; 0: it needs parse().
  size_t parsePlain(std::string_view text, const EventSink& sink);
  // `entry`: all of it. Calls `sink` when it is an event; counts in `report` what was repaired, and
  // what is none.
  void parse(std::string_view entry, const EventSink& sink, trace::ImportReport& report);

 private:
  struct Impl;
  std::unique_ptr<Impl> m_impl;
};

}  // namespace caracal::import::chrome
