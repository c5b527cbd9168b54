// EventParser: from slices of text, one per array entry, to ChromeEvents. Parses many entries at
// once and falls back to one by one, repairing the text, where that fails.
#pragma once

#include <memory>
#include <span>

#include "core/import/chrome/chrome_event.h"
#include "core/import/chrome/element_scanner.h"
#include "core/trace/import_report.h"

namespace caracal::import::chrome {

// Readable bytes that must follow the last slice's end in its buffer, and one writable byte before
// the first slice: the parser looks at them, and restores what it changes.
inline constexpr size_t kParserPadding = 64;

class EventParser {
 public:
  EventParser();
  ~EventParser();

  // Calls `sink` for each entry that is an object, in order; counts in `report` what was repaired
  // and what was no event.
  void parse(char* buffer, std::span<const Slice> entries, const EventSink& sink,
             trace::ImportReport& report);

 private:
  struct Impl;
  std::unique_ptr<Impl> m_impl;
};

}  // namespace caracal::import::chrome
