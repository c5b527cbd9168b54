// PackedColumn: 64-bit integers of one column, held in as few bits as their neighbours need.
//
// Values are grouped in blocks of 256. A block keeps its base and the bits that the differences
// from it take, so that times, names and kinds of events that lie side by side cost a few bits
// each; any value is found in constant time. Immutable; safe to read from any thread.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "core/trace/bit_packing.h"
#include "core/trace/growing_words.h"
#include "core/trace/shared_array.h"

namespace caracal::trace {

class PackedColumn {
 public:
  static constexpr size_t kBlockBits = 8;
  static constexpr size_t kBlockSize = size_t{1} << kBlockBits;
  // Difference i of a block begins at bit (place >> 8) * 64 + i * width of the words, width =
  // place & 255: 0 to 56, or 64.
  struct Block {
    int64_t base = 0;
    uint64_t place = 0;
    uint64_t firstWord() const { return place >> 8; }
    unsigned width() const { return static_cast<unsigned>(place & 255); }
  };
  static_assert(sizeof(Block) == 16);
  // Words behind the last difference that may be read, never used.
  static constexpr size_t kPaddingWords = 1;

  PackedColumn() = default;
  // REQUIRES what isSound() checks.
  PackedColumn(size_t size, SharedArray<Block> blocks, SharedArray<uint64_t> words)
      : m_size(size), m_blocks(std::move(blocks)), m_words(std::move(words)) {}
  // Whether every difference lies inside the words.
  static bool isSound(size_t size, std::span<const Block> blocks, size_t words);

  size_t size() const { return m_size; }
  int64_t operator[](size_t i) const {
    const Block& block = m_blocks[i >> kBlockBits];
    return unpackBits(m_words.data() + block.firstWord(), i & (kBlockSize - 1), block.base,
                      block.width());
  }
  // Whether all values lie in [least, most].
  bool isWithin(int64_t least, int64_t most) const;

  const SharedArray<Block>& blocks() const { return m_blocks; }
  const SharedArray<uint64_t>& words() const { return m_words; }
  size_t memoryBytes() const { return m_blocks.memoryBytes() + m_words.memoryBytes(); }

 private:
  size_t m_size = 0;
  SharedArray<Block> m_blocks;
  SharedArray<uint64_t> m_words;
};

// Fills a column from its first value to its last.
class ColumnPacker {
 public:
  ColumnPacker() = default;
  // `words`: how many will about be needed; only saves time.
  ColumnPacker(size_t values, size_t words);
  void push(int64_t value) {
    m_block[m_filled++] = value;
    if (m_filled == PackedColumn::kBlockSize) packBlock();
  }
  size_t size() const { return m_blocks.size() * PackedColumn::kBlockSize + m_filled; }
  // The packer is spent.
  PackedColumn finish() &&;

 private:
  void packBlock();

  std::array<int64_t, PackedColumn::kBlockSize> m_block{};
  size_t m_filled = 0;
  std::vector<PackedColumn::Block> m_blocks;
  GrowingWords m_words;
};

}  // namespace caracal::trace
