// ElementScanner: where the entries of a large JSON array begin and end, without parsing them. It
// looks at 64 bytes at a time and only at quotes, backslashes and brackets, so bad bytes, bad
// numbers and bad names inside an entry do not hurt its neighbours.
//
// Works on a buffer that is refilled: positions are offsets into the text passed to next(); after
// the caller moves the text to the front of its buffer, it says so with moved().
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace caracal::import::chrome {

struct Slice {
  size_t begin = 0;
  size_t end = 0;  // exclusive
};

class ElementScanner {
 public:
  // Starts at `position`: behind the array's '[', or behind an entry.
  void start(size_t position);

  enum class Status { kNeedsMore, kElement, kArrayClosed };
  enum class Input { kMoreFollows, kLast };
  // Looks for the end of the next object or array from position() on, and stops behind it, or
  // behind the closing bracket of the whole array. kNeedsMore: go on with more text.
  Status next(std::string_view text, Input input, Slice& element);

  size_t position() const { return m_position; }
  // Bytes before this one are not needed again.
  size_t keepFrom() const { return m_depth > 0 ? m_open : m_gapBegin; }
  void moved(size_t by);
  // An entry has begun that is not complete.
  bool insideElement() const { return m_depth > 0; }
  size_t openElement() const { return m_open; }
  // Entries so far that are neither object nor array: numbers, null, strings.
  int64_t scalars() const { return m_scalars; }

 private:
  Status scanBlock(const char* block, std::string_view text, size_t count, Slice& element);
  void countScalars(std::string_view gap);

  size_t m_position = 0;
  size_t m_open = 0;      // begin of the open element, when m_depth > 0
  size_t m_gapBegin = 0;  // end of the last element
  int64_t m_depth = 0;
  int64_t m_scalars = 0;
  bool m_inString = false;
  bool m_escaped = false;  // the next byte is escaped by a backslash
};

}  // namespace caracal::import::chrome
