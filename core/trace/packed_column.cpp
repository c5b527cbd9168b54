#include "core/trace/packed_column.h"

#include <algorithm>
#include <cassert>

namespace caracal::trace {
namespace {

using Block = PackedColumn::Block;

}  // namespace

bool PackedColumn::isSound(size_t size, std::span<const Block> blocks, size_t words) {
  if (blocks.size() != (size + kBlockSize - 1) / kBlockSize) return false;
  if (size > 0 && words < kPaddingWords) return false;
  for (size_t b = 0; b < blocks.size(); ++b) {
    const unsigned width = blocks[b].width();
    if (width > 64 || (width > 56 && width < 64)) return false;
    const size_t values = std::min(kBlockSize, size - b * kBlockSize);
    const size_t needed = packedWords(values, width) + kPaddingWords;
    if (needed > words || blocks[b].firstWord() > words - needed) return false;
  }
  return true;
}

bool PackedColumn::isWithin(int64_t least, int64_t most) const {
  for (size_t b = 0; b < m_blocks.size(); ++b) {
    const Block& block = m_blocks[b];
    const uint64_t mask = packedMask(block.width());
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
  const std::span<const int64_t> values(m_block.data(), m_filled);
  const auto [least, most] = std::minmax_element(values.begin(), values.end());
  const unsigned width = packedWidth(static_cast<uint64_t>(*most) - static_cast<uint64_t>(*least));
  const size_t first = m_words.size();
  m_blocks.push_back({*least, first << 8 | width});
  m_words.grow(packedWords(m_filled, width));
  packBits(values, *least, width, m_words.data() + first);
  m_filled = 0;
}

PackedColumn ColumnPacker::finish() && {
  const size_t values = size();
  if (m_filled > 0) packBlock();
  if (values > 0) m_words.grow(PackedColumn::kPaddingWords);
  return {values, SharedArray(std::move(m_blocks)), std::move(m_words).finish()};
}

}  // namespace caracal::trace
