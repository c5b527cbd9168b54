// GrowingWords: 64-bit words that only become more, until they are done. Columns are most of a run,
// and runs may fill the memory: large ones grow where they lie (the C library moves pages, not
// bytes), so that there never are two copies, which std::vector needs.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <new>
#include <utility>

#include "core/trace/shared_array.h"

namespace caracal::trace {

class GrowingWords {
 public:
  GrowingWords() = default;
  GrowingWords(GrowingWords&& other) noexcept { swap(other); }
  GrowingWords& operator=(GrowingWords&& other) noexcept {
    swap(other);
    return *this;
  }
  ~GrowingWords() { std::free(m_words); }

  uint64_t* data() { return m_words; }
  size_t size() const { return m_size; }
  // Adds words that are zero. Throws std::bad_alloc; the words are whole then.
  void grow(size_t by) {
    const size_t size = m_size + by;
    // By a quarter, not by doubling: what is reserved and not used is lost to others.
    if (size > m_capacity) reallocate(size + size / 4);
    if (by > 0) std::memset(m_words + m_size, 0, by * sizeof(uint64_t));
    m_size = size;
  }
  void reserve(size_t words) {
    if (words > m_capacity) reallocate(words);
  }
  // The words as they are from now on; memory beyond them is given back. This object is spent.
  SharedArray<uint64_t> finish() && {
    if (m_size == 0) return {};
    reallocate(m_size);
    const std::shared_ptr<uint64_t> words(std::exchange(m_words, nullptr), std::free);
    return {std::span<const uint64_t>(words.get(), m_size), words};
  }

 private:
  void swap(GrowingWords& other) noexcept {
    std::swap(m_words, other.m_words);
    std::swap(m_size, other.m_size);
    std::swap(m_capacity, other.m_capacity);
  }
  void reallocate(size_t words) {
    void* const moved = std::realloc(m_words, words * sizeof(uint64_t));
    if (moved == nullptr) throw std::bad_alloc();
    m_words = static_cast<uint64_t*>(moved);
    m_capacity = words;
  }

  uint64_t* m_words = nullptr;
  size_t m_size = 0;
  size_t m_capacity = 0;
};

}  // namespace caracal::trace
