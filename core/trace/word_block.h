// WordBlock: memory for 64-bit words. A large block is pages of its own: it grows where it lies
// (the system moves pages, not bytes) and goes back to the system at once when it is freed, so that
// turning one set of large blocks into another never takes both in full. The allocator would keep
// what is freed for later, in pieces.
#pragma once

#include <cstddef>
#include <cstdint>

namespace caracal::trace {

class WordBlock {
 public:
  WordBlock() = default;
  // `words` that are zero. Throws std::bad_alloc.
  static WordBlock zeroed(size_t words);
  WordBlock(WordBlock&& other) noexcept { swap(other); }
  WordBlock& operator=(WordBlock&& other) noexcept {
    swap(other);
    return *this;
  }
  ~WordBlock();

  uint64_t* data() const { return m_words; }
  size_t capacity() const { return m_capacity; }
  // Keeps the words that there is room for; new ones may hold anything. Throws std::bad_alloc; the
  // block is whole then.
  void resize(size_t words);

  // What all large blocks of the process take: the allocator's own figures leave them out.
  static size_t largeBlockBytes();

 private:
  void swap(WordBlock& other) noexcept;

  uint64_t* m_words = nullptr;
  size_t m_capacity = 0;
};

}  // namespace caracal::trace
