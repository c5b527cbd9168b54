#include "core/trace/packed_column.h"

#include <algorithm>
#include <cassert>

namespace caracal::trace {
namespace {

using Block = PackedColumn::Block;

// A value is read with one load of 64 bits from the byte it begins in, which holds 57 bits of it.
unsigned widthFor(uint64_t largest) {
  const auto bits = static_cast<unsigned>(std::bit_width(largest));
  return bits <= 56 ? bits : 64;
}

size_t wordsOf(size_t values, unsigned width) {
  return (values * width + 63) / 64;
}

}  // namespace

bool PackedColumn::isSound(size_t size, std::span<const Block> blocks, size_t words) {
  if (blocks.size() != (size + kBlockSize - 1) / kBlockSize) return false;
  if (size > 0 && words < kPaddingWords) return false;
  for (size_t b = 0; b < blocks.size(); ++b) {
    const unsigned width = blocks[b].width();
    if (width > 64 || (width > 56 && width < 64)) return false;
    const size_t values = std::min(kBlockSize, size - b * kBlockSize);
    const size_t needed = wordsOf(values, width) + kPaddingWords;
    if (needed > words || blocks[b].firstWord() > words - needed) return false;
  }
  return true;
}

bool PackedColumn::isWithin(int64_t least, int64_t most) const {
  for (size_t b = 0; b < m_blocks.size(); ++b) {
    const Block& block = m_blocks[b];
    const uint64_t mask = maskOf(block.width());
    // All that the block's bits could say fits: nearly always, so values are rarely looked at.
    if (block.base >= least && block.base <= most &&
        mask <= static_cast<uint64_t>(most) - static_cast<uint64_t>(block.base)) {
      continue;
    }
    const size_t end = std::min(m_size, (b + 1) * kBlockSize);
    for (size_t i = b * kBlockSize; i < end; ++i) {
      const int64_t value = (*this)[i];
      if (value < least || value > most) return false;
    }
  }
  return true;
}

ColumnPacker::ColumnPacker(size_t values, size_t words) {
  m_blocks.reserve((values + PackedColumn::kBlockSize - 1) / PackedColumn::kBlockSize);
  m_words.reserve(words);
}

void ColumnPacker::packBlock() {
  const auto [least, most] =
      std::minmax_element(m_block.begin(), m_block.begin() + static_cast<std::ptrdiff_t>(m_filled));
  const auto base = static_cast<uint64_t>(*least);
  const unsigned width = widthFor(static_cast<uint64_t>(*most) - base);
  const size_t first = m_words.size();
  m_blocks.push_back({*least, first << 8 | width});
  const size_t needed = first + wordsOf(m_filled, width);
  // By a quarter, not by doubling: columns are most of a run, and runs may fill the memory.
  if (needed > m_words.capacity()) m_words.reserve(needed + needed / 4);
  m_words.resize(needed);
  for (size_t i = 0; i < m_filled; ++i) {
    const uint64_t difference = static_cast<uint64_t>(m_block[i]) - base;
    const size_t bit = i * width;
    const unsigned shift = bit & 63;
    if (width == 0) break;
    m_words[first + bit / 64] |= difference << shift;
    if (shift + width > 64) m_words[first + bit / 64 + 1] |= difference >> (64 - shift);
  }
  m_filled = 0;
}

PackedColumn ColumnPacker::finish() && {
  const size_t values = size();
  if (m_filled > 0) packBlock();
  if (values > 0) m_words.resize(m_words.size() + PackedColumn::kPaddingWords);
  return {values, SharedArray(std::move(m_blocks)), SharedArray(std::move(m_words))};
}

}  // namespace caracal::trace
