// The buffers that CUPTI fills. Each has exactly one owner at any moment: the pool, CUPTI, or the
// writer; only the pool frees, and only what it owns (a buffer freed under CUPTI's hands corrupts
// the heap of the observed process).
//
//     pool --lend()--> CUPTI --takeBack()--> full queue of the pool --nextFull()--> writer
//       ^                                                                             |
//       +-------------------------------- release() ---------------------------------+
//
// Thread-safe. lend() and takeBack() run inside CUPTI's callbacks: they hold the pool's lock for a
// few list operations and call nothing. No caller may hold the lock while it calls CUPTI, which is
// why there is no way to take it from outside.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <vector>

namespace caracal::profiler {

class BufferPool {
 public:
  static constexpr size_t kBufferBytes = size_t{1} << 20;
  static constexpr size_t kMostBuffers = 64;  // beyond this memory, records are dropped and counted
  // What CUPTI gets when the pool is exhausted: it must get something (before CUPTI 12.9 a null
  // pointer crashes it), what it writes there is only counted.
  static constexpr size_t kDiscardBytes = size_t{1} << 14;

  struct Full {
    uint8_t* data = nullptr;
    size_t validBytes = 0;
    bool isDiscard = false;  // count its records, keep none
  };

  // From the pool to CUPTI. nullptr only when the process has no memory.
  uint8_t* lend(size_t& bytes) noexcept;
  // From CUPTI to the full queue. Pointers that CUPTI does not own are ignored. True when the
  // writer should look soon.
  bool takeBack(uint8_t* data, size_t validBytes) noexcept;
  // From the full queue to the writer, in order of completion.
  std::optional<Full> nextFull();
  void release(const Full& full);

  // How many buffers CUPTI owns now.
  size_t lent() const;

 private:
  enum class Owner : uint8_t { kPool, kCupti, kWriter };
  struct Buffer {
    std::unique_ptr<uint64_t[]> words;  // CUPTI asks for 8-byte alignment
    size_t bytes = 0;
    size_t validBytes = 0;
    Owner owner = Owner::kPool;
    bool isDiscard = false;
  };
  Buffer* freeBuffer();
  Buffer* addBuffer(size_t bytes, bool isDiscard);

  mutable std::mutex m_mutex;  // guards everything below
  std::unordered_map<uint8_t*, Buffer> m_buffers;
  std::vector<uint8_t*> m_free;
  std::deque<uint8_t*> m_full;
  size_t m_regular = 0;  // buffers that are not for discarding
};

}  // namespace caracal::profiler
