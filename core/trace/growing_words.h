// GrowingWords: 64-bit words that only become more, until they are done. Columns are most of a run,
// and runs may fill the memory: they grow where they lie (word_block.h), so that there never are
// two copies, which std::vector needs.
#pragma once

#include <cstdint>
#include <cstring>
#include <memory>
#include <utility>

#include "core/trace/shared_array.h"
#include "core/trace/word_block.h"

namespace caracal::trace {

class GrowingWords {
 public:
  uint64_t* data() { return m_block.data(); }
  const uint64_t* data() const { return m_block.data(); }
  size_t size() const { return m_size; }
  // Adds words that are zero. Throws std::bad_alloc; the words are whole then.
  void grow(size_t by) {
    const size_t size = m_size + by;
    // By a quarter, not by doubling: what is reserved and not used is lost to others.
    if (size > m_block.capacity()) m_block.resize(size + size / 4);
    if (by > 0) std::memset(data() + m_size, 0, by * sizeof(uint64_t));
    m_size = size;
  }
  void reserve(size_t words) {
    if (words > m_block.capacity()) m_block.resize(words);
  }
  // The words as they are from now on; memory beyond them is given back. This object is spent.
  SharedArray<uint64_t> finish() && {
    if (m_size == 0) return {};
    m_block.resize(m_size);
    const auto block = std::make_shared<const WordBlock>(std::move(m_block));
    return {std::span<const uint64_t>(block->data(), m_size), block};
  }

 private:
  WordBlock m_block;
  size_t m_size = 0;
};

}  // namespace caracal::trace
