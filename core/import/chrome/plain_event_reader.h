// PlainEventReader: one entry of the event array to a ChromeEvent in a single pass over its bytes.
// A general parser first makes an index of all its text, and finding out where an entry ends takes
// another pass: this reader needs neither. It takes nothing on trust: an entry that is not exactly
// an object of such members, that has bytes in need of repair, or that is not all there is left to
// EventParser.
#pragma once

#include <string_view>
#include <vector>

#include "core/import/chrome/chrome_event.h"

namespace caracal::import::chrome {

class PlainEventReader {
 public:
  // Bytes of the object that `text` begins with; 0: it is not understood whole. Nothing is counted
  // then. REQUIRES kParserPadding zero bytes behind `text`. The event's views point into `text` and
  // into this reader; valid until the next call.
  size_t read(std::string_view text, ChromeEvent& event);

 private:
  // Each takes the place where its part of the text begins and returns the one behind it; null when
  // it is something else.
  const char* member(const char* at, ChromeEvent& event);
  const char* arguments(const char* at);

  const char* m_limit = nullptr;  // end of the text
  std::vector<Argument> m_arguments;
};

}  // namespace caracal::import::chrome
