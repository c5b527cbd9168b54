// An input file's text as UTF-8: byte order marks are taken off, UTF-16 is converted on the way.
// Bytes that are no UTF-8 pass through; the event repair deals with them where they stand.
#pragma once

#include <string>

#include "core/base/result.h"
#include "core/import/input/input_stream.h"

namespace caracal::import::chrome {

enum class Encoding { kUtf8, kUtf8WithMark, kUtf16Little, kUtf16Big };

// By the first bytes: a mark, or the zero bytes that UTF-16 puts beside '{' and '['.
Encoding encodingOf(std::string_view head);

class Utf8Source {
 public:
  static Result<Utf8Source> open(const std::string& path);
  // As InputStream::read.
  Result<size_t> read(char* to, size_t capacity);
  Encoding encoding() const { return m_encoding; }
  const InputStream& stream() const { return m_stream; }

 private:
  explicit Utf8Source(InputStream stream) : m_stream(std::move(stream)) {}
  Result<void> refill();

  InputStream m_stream;
  Encoding m_encoding = Encoding::kUtf8;
  std::string m_raw;      // read but not converted: the head, or a cut UTF-16 unit
  std::string m_pending;  // UTF-8 ready to be handed out from m_next on
  size_t m_next = 0;
  bool m_direct = false;  // nothing pending and nothing to convert: read straight from the stream
};

// Converts whole UTF-16 text; halves of pairs that stand alone become U+FFFD. `rest` receives
// trailing bytes that need more input (an odd byte, the first half of a pair).
std::string utf8OfUtf16(std::string_view bytes, Encoding encoding, std::string& rest);

// The UTF-8 form of a code point.
void appendUtf8(std::string& to, uint32_t codePoint);

}  // namespace caracal::import::chrome
