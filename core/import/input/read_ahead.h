// ReadAhead: bytes that a thread of its own makes while the reader works on the ones before, a few
// blocks ahead at most. Decompressing and parsing then take as long as the slower of the two.
#pragma once

#include <array>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <span>
#include <stop_token>
#include <thread>
#include <vector>

#include "core/base/result.h"

namespace caracal::import {

class ReadAhead {
 public:
  // Fills its argument from the front; fewer bytes than asked for only at the end. Runs in the
  // thread, one call after the other.
  using Source = std::function<Result<size_t>(std::span<char>)>;

  explicit ReadAhead(Source source);
  // Waits for the block that is being made, some milliseconds.
  ~ReadAhead();
  ReadAhead(const ReadAhead&) = delete;
  ReadAhead& operator=(const ReadAhead&) = delete;

  // As InputStream::read, from one thread. When it has returned fewer bytes than asked for, the
  // source is no longer called.
  Result<size_t> read(char* to, size_t capacity);

 private:
  static constexpr size_t kBlocks = 4;
  static constexpr size_t kBlockBytes = 256 * 1024;
  struct Block {
    std::vector<char> bytes;
    size_t size = 0;
    bool last = false;
    std::optional<Error> error;
  };

  void work(const std::stop_token& stop);
  static void fill(Block& block, const Source& source);

  const Source m_source;
  std::array<Block, kBlocks> m_blocks;
  std::mutex m_mutex;  // guards the two below
  size_t m_made = 0;   // blocks made so far; block i lies at i % kBlocks
  size_t m_used = 0;   // blocks that the reader is done with
  std::condition_variable_any m_changed;
  size_t m_next = 0;      // of the block at m_used; the reader's own
  std::jthread m_thread;  // last: it uses all of the above
};

}  // namespace caracal::import
