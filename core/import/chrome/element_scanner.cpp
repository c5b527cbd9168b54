#include "core/import/chrome/element_scanner.h"

#include <array>
#include <cassert>
#include <cstring>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace caracal::import::chrome {
namespace {

constexpr size_t kBlock = 64;

// One bit per byte of a block.
struct Masks {
  uint64_t quotes = 0;
  uint64_t backslashes = 0;
  uint64_t opens = 0;   // { and [
  uint64_t closes = 0;  // } and ]
};

#if defined(__SSE2__)
Masks classify(const char* block) {
  const __m128i quote = _mm_set1_epi8('"');
  const __m128i backslash = _mm_set1_epi8('\\');
  const __m128i caseBit = _mm_set1_epi8(0x20);  // '[' | 0x20 == '{', ']' | 0x20 == '}'
  const __m128i open = _mm_set1_epi8('{');
  const __m128i close = _mm_set1_epi8('}');
  Masks masks;
  for (int part = 0; part < 4; ++part) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(block + 16 * part));
    const __m128i folded = _mm_or_si128(bytes, caseBit);
    const auto bits = [part](const __m128i& equal) {
      return static_cast<uint64_t>(static_cast<uint32_t>(_mm_movemask_epi8(equal))) << (16 * part);
    };
    masks.quotes |= bits(_mm_cmpeq_epi8(bytes, quote));
    masks.backslashes |= bits(_mm_cmpeq_epi8(bytes, backslash));
    masks.opens |= bits(_mm_cmpeq_epi8(folded, open));
    masks.closes |= bits(_mm_cmpeq_epi8(folded, close));
  }
  return masks;
}
#else
Masks classify(const char* block) {
  Masks masks;
  for (size_t i = 0; i < kBlock; ++i) {
    const char c = block[i];
    masks.quotes |= static_cast<uint64_t>(c == '"') << i;
    masks.backslashes |= static_cast<uint64_t>(c == '\\') << i;
    masks.opens |= static_cast<uint64_t>(c == '{' || c == '[') << i;
    masks.closes |= static_cast<uint64_t>(c == '}' || c == ']') << i;
  }
  return masks;
}
#endif

// Bit i of the result: the parity of bits 0..i. Turns quotes into "inside a string".
uint64_t prefixParity(uint64_t bits) {
  for (int shift = 1; shift < 64; shift *= 2) bits ^= bits << shift;
  return bits;
}

// Bytes that a backslash escapes. Backslashes are rare, so they are walked one by one.
uint64_t escapedBytes(uint64_t backslashes, bool& escaped) {
  uint64_t result = escaped ? 1 : 0;
  escaped = false;
  uint64_t rest = backslashes & ~result;
  while (rest != 0) {
    const int at = __builtin_ctzll(rest);
    rest &= rest - 1;
    if (at == 63) {
      escaped = true;
      break;
    }
    result |= uint64_t{2} << at;
    rest &= ~(uint64_t{2} << at);
  }
  return result;
}

bool isBlank(char c) {
  return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

}  // namespace

void ElementScanner::start(size_t position) {
  m_position = m_gapBegin = position;
  m_depth = 0;
  m_inString = m_escaped = false;
}

void ElementScanner::moved(size_t by) {
  assert(by <= keepFrom() && "bytes that are still needed were dropped");
  m_position -= by;
  m_gapBegin = m_gapBegin >= by ? m_gapBegin - by : 0;
  m_open = m_open >= by ? m_open - by : 0;
}

void ElementScanner::countScalars(std::string_view gap) {
  bool inside = false;
  for (const char c : gap) {
    if (c == ',') {
      inside = false;
    } else if (!inside && !isBlank(c)) {
      inside = true;
      ++m_scalars;
    }
  }
}

// Takes `count` bytes of the block that stands at m_position. True when the array was closed.
bool ElementScanner::scanBlock(const char* block, std::string_view text, size_t count,
                               std::vector<Slice>& elements) {
  const Masks masks = classify(block);
  const uint64_t escaped =
      masks.backslashes != 0 || m_escaped ? escapedBytes(masks.backslashes, m_escaped) : 0;
  const uint64_t inString = prefixParity(masks.quotes & ~escaped) ^ (m_inString ? ~uint64_t{0} : 0);
  const uint64_t valid = count == kBlock ? ~uint64_t{0} : (uint64_t{1} << count) - 1;
  uint64_t brackets = (masks.opens | masks.closes) & ~inString & valid;
  for (; brackets != 0; brackets &= brackets - 1) {
    const int bit = __builtin_ctzll(brackets);
    const size_t at = m_position + static_cast<size_t>(bit);
    if ((masks.opens >> bit & 1) != 0) {
      if (m_depth++ == 0) {
        m_open = at;
        countScalars(text.substr(m_gapBegin, at - m_gapBegin));
      }
    } else if (m_depth == 0) {
      countScalars(text.substr(m_gapBegin, at - m_gapBegin));
      m_position = m_gapBegin = at + 1;
      return true;
    } else if (--m_depth == 0) {
      elements.push_back({m_open, at + 1});
      m_gapBegin = at + 1;
    }
  }
  m_inString = (inString >> 63) != 0;
  m_position += count;
  return false;
}

ElementScanner::Status ElementScanner::scan(std::string_view text, Input input,
                                            std::vector<Slice>& elements) {
  while (text.size() - m_position >= kBlock) {
    if (scanBlock(text.data() + m_position, text, kBlock, elements)) return Status::kArrayClosed;
  }
  if (input == Input::kLast && m_position < text.size()) {
    std::array<char, kBlock> tail;
    tail.fill(' ');
    const size_t count = text.size() - m_position;
    std::memcpy(tail.data(), text.data() + m_position, count);
    if (scanBlock(tail.data(), text, count, elements)) return Status::kArrayClosed;
  }
  return Status::kNeedsMore;
}

}  // namespace caracal::import::chrome
