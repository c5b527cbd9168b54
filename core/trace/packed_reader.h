// PackedReader: values of a packed column that lie near each other, faster than one by one: what a
// block of 256 shares is looked up once. Not to be shared between threads.
#pragma once

#include <cstdint>
#include <cstring>

#include "core/trace/packed_column.h"

namespace caracal::trace {

class PackedReader {
 public:
  PackedReader() = default;  // of nothing: only to be assigned to
  // `column` must outlive the reader.
  explicit PackedReader(const PackedColumn& column)
      : m_blocks(column.blocks().data()), m_allWords(column.words().data()) {}

  int64_t operator[](size_t i) {
    if (const size_t block = i >> PackedColumn::kBlockBits; block != m_block) enter(block);
    const size_t bit = (i & (PackedColumn::kBlockSize - 1)) * m_width;
    uint64_t word;
    std::memcpy(&word, reinterpret_cast<const char*>(m_words) + (bit >> 3), sizeof(word));
    return static_cast<int64_t>(m_base + ((word >> (bit & 7)) & m_mask));
  }

 private:
  void enter(size_t block) {
    const PackedColumn::Block& entered = m_blocks[block];
    m_block = block;
    m_words = m_allWords + entered.firstWord();
    m_base = static_cast<uint64_t>(entered.base);
    m_width = entered.width();
    m_mask = packedMask(entered.width());
  }

  const PackedColumn::Block* m_blocks = nullptr;
  const uint64_t* m_allWords = nullptr;
  size_t m_block = SIZE_MAX;  // the one that the values below are of
  const uint64_t* m_words = nullptr;
  uint64_t m_base = 0;
  size_t m_width = 0;
  uint64_t m_mask = 0;
};

}  // namespace caracal::trace
