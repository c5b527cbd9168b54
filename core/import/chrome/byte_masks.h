// Which bytes of a block of text are of a class, one bit each: what scanning JSON at memory speed
// is made of. SSE2 where the compiler has it, else byte by byte; the answers are the same.
#pragma once

#include <cstddef>
#include <cstdint>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace caracal::import::chrome {

inline constexpr size_t kMaskBytes = 16;

// Masks over text[0, 16), bit i for byte i. Reads all 16 bytes.
class ByteMasks {
 public:
#if defined(__SSE2__)
  explicit ByteMasks(const char* text)
      : m_bytes(_mm_loadu_si128(reinterpret_cast<const __m128i*>(text))) {}
  uint32_t equal(char c) const {
    return bits(_mm_cmpeq_epi8(m_bytes, _mm_set1_epi8(c)));
  }
  // '[' and '{', as ']' and '}', differ in one bit, which is set first.
  uint32_t opens() const {
    return folded('{');
  }
  uint32_t closes() const {
    return folded('}');
  }
  // Control characters, and bytes that are no ASCII: as signed numbers both are below the blank.
  uint32_t controlOrNotAscii() const {
    return bits(_mm_cmplt_epi8(m_bytes, _mm_set1_epi8(' ')));
  }
  uint32_t notAscii() const {
    return bits(m_bytes);
  }
  // What numbers are made of: digits, '+', '-', '.', 'e', 'E' (and '/', which lies between them).
  uint32_t numeric() const {
    const __m128i fromPlus = _mm_sub_epi8(m_bytes, _mm_set1_epi8('+'));
    const __m128i plusToNine =
        _mm_cmpeq_epi8(_mm_min_epu8(fromPlus, _mm_set1_epi8('9' - '+')), fromPlus);
    return (bits(plusToNine) & ~equal(',')) | folded('e');
  }

 private:
  static uint32_t bits(__m128i equal) {
    return static_cast<uint32_t>(_mm_movemask_epi8(equal));
  }
  uint32_t folded(char c) const {
    return bits(_mm_cmpeq_epi8(_mm_or_si128(m_bytes, _mm_set1_epi8(0x20)), _mm_set1_epi8(c)));
  }
  __m128i m_bytes;
#else
  explicit ByteMasks(const char* text) : m_text(text) {}
  uint32_t equal(char c) const {
    return where([c](char byte) { return byte == c; });
  }
  uint32_t opens() const {
    return where([](char byte) { return byte == '{' || byte == '['; });
  }
  uint32_t closes() const {
    return where([](char byte) { return byte == '}' || byte == ']'; });
  }
  uint32_t controlOrNotAscii() const {
    return where([](char byte) { return static_cast<signed char>(byte) < ' '; });
  }
  uint32_t notAscii() const {
    return where([](char byte) { return static_cast<signed char>(byte) < 0; });
  }
  uint32_t numeric() const {
    return where([](char byte) {
      return (byte >= '+' && byte <= '9' && byte != ',') || byte == 'e' || byte == 'E';
    });
  }

 private:
  template <class Holds>
  uint32_t where(Holds holds) const {
    uint32_t mask = 0;
    for (size_t i = 0; i < kMaskBytes; ++i) mask |= static_cast<uint32_t>(holds(m_text[i])) << i;
    return mask;
  }
  const char* m_text;
#endif
};

}  // namespace caracal::import::chrome
