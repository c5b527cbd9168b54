#include "core/trace/word_block.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <new>
#include <utility>

#include "core/base/sanitizers.h"

namespace caracal::trace {
namespace {

// From here on a block has pages of its own. The address sanitizer watches the allocator's memory
// only.
constexpr size_t kLeastLarge =
    kAddressSanitizer ? std::numeric_limits<size_t>::max() : size_t{64} * 1024 / sizeof(uint64_t);

std::atomic<size_t> s_largeBytes{0};

bool isLarge(size_t words) {
  return words >= kLeastLarge;
}

size_t pageBytes(size_t words) {
  static const auto kPage = static_cast<size_t>(::sysconf(_SC_PAGESIZE));
  return (words * sizeof(uint64_t) + kPage - 1) / kPage * kPage;
}

uint64_t* newPages(size_t words) {
  void* const pages =
      ::mmap(nullptr, pageBytes(words), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (pages == MAP_FAILED) throw std::bad_alloc();
  s_largeBytes += pageBytes(words);
  return static_cast<uint64_t*>(pages);
}

uint64_t* resizedPages(uint64_t* words, size_t from, size_t to) {
  void* const pages = ::mremap(words, pageBytes(from), pageBytes(to), MREMAP_MAYMOVE);
  if (pages == MAP_FAILED) throw std::bad_alloc();
  s_largeBytes += pageBytes(to) - pageBytes(from);
  return static_cast<uint64_t*>(pages);
}

uint64_t* orThrow(void* words) {
  if (words == nullptr) throw std::bad_alloc();
  return static_cast<uint64_t*>(words);
}

}  // namespace

WordBlock WordBlock::zeroed(size_t words) {
  WordBlock block;
  if (words == 0) return block;
  block.m_words = isLarge(words) ? newPages(words) : orThrow(std::calloc(words, sizeof(uint64_t)));
  block.m_capacity = words;
  return block;
}

WordBlock::~WordBlock() {
  if (isLarge(m_capacity)) {
    ::munmap(m_words, pageBytes(m_capacity));
    s_largeBytes -= pageBytes(m_capacity);
  } else {
    std::free(m_words);
  }
}

void WordBlock::resize(size_t words) {
  if (isLarge(words) && isLarge(m_capacity)) {
    m_words = resizedPages(m_words, m_capacity, words);
    m_capacity = words;
  } else if (words > 0 && !isLarge(words) && !isLarge(m_capacity)) {
    m_words = orThrow(std::realloc(m_words, words * sizeof(uint64_t)));
    m_capacity = words;
  } else {
    WordBlock other = zeroed(words);
    const size_t kept = std::min(words, m_capacity);
    if (kept > 0) std::memcpy(other.m_words, m_words, kept * sizeof(uint64_t));
    swap(other);
  }
}

size_t WordBlock::largeBlockBytes() {
  return s_largeBytes;
}

void WordBlock::swap(WordBlock& other) noexcept {
  std::swap(m_words, other.m_words);
  std::swap(m_capacity, other.m_capacity);
}

}  // namespace caracal::trace
