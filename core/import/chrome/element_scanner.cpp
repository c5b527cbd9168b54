#include "core/import/chrome/element_scanner.h"

#include <array>
#include <cassert>
#include <cstring>

#include "core/import/chrome/byte_masks.h"

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

Masks classify(const char* block) {
  Masks masks;
  for (size_t at = 0; at < kBlock; at += kMaskBytes) {
    const ByteMasks bytes(block + at);
    masks.quotes |= uint64_t{bytes.equal('"')} << at;
    masks.backslashes |= uint64_t{bytes.equal('\\')} << at;
    masks.opens |= uint64_t{bytes.opens()} << at;
    masks.closes |= uint64_t{bytes.closes()} << at;
  }
  return masks;
}

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

// Takes `count` bytes of the block that stands at m_position.
ElementScanner::Status ElementScanner::scanBlock(const char* block, std::string_view text,
                                                 size_t count, Slice& element) {
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
      start(at + 1);
      return Status::kArrayClosed;
    } else if (--m_depth == 0) {
      element = {m_open, at + 1};
      start(at + 1);
      return Status::kElement;
    }
  }
  m_inString = (inString >> 63) != 0;
  m_position += count;
  return Status::kNeedsMore;
}

ElementScanner::Status ElementScanner::next(std::string_view text, Input input, Slice& element) {
  while (text.size() - m_position >= kBlock) {
    const Status status = scanBlock(text.data() + m_position, text, kBlock, element);
    if (status != Status::kNeedsMore) return status;
  }
  if (input == Input::kMoreFollows || m_position == text.size()) return Status::kNeedsMore;
  std::array<char, kBlock> tail;
  tail.fill(' ');
  const size_t count = text.size() - m_position;
  std::memcpy(tail.data(), text.data() + m_position, count);
  return scanBlock(tail.data(), text, count, element);
}

}  // namespace caracal::import::chrome
