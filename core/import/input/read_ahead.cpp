#include "core/import/input/read_ahead.h"

#include <algorithm>
#include <cstring>
#include <new>

namespace caracal::import {

ReadAhead::ReadAhead(Source source)
    : m_source(std::move(source)), m_thread([this](const std::stop_token& stop) { work(stop); }) {}

ReadAhead::~ReadAhead() = default;

void ReadAhead::fill(Block& block, const Source& source) {
  try {
    block.bytes.resize(kBlockBytes);
    const auto got = source(block.bytes);
    block.size = got.value_or(0);
    block.last = block.size < kBlockBytes;
    if (!got) block.error = got.error();
  } catch (const std::bad_alloc&) {
    block.size = 0;
    block.last = true;
    block.error = Error{ErrorCode::kOutOfMemory, "no memory to decompress", {}};
  }
}

void ReadAhead::work(const std::stop_token& stop) {
  for (bool last = false; !last && !stop.stop_requested();) {
    size_t made = 0;
    {
      std::unique_lock lock(m_mutex);
      if (!m_changed.wait(lock, stop, [&] { return m_made - m_used < kBlocks; })) return;
      made = m_made;
    }
    Block& block = m_blocks[made % kBlocks];
    fill(block, m_source);
    last = block.last;
    const std::lock_guard lock(m_mutex);
    ++m_made;
    m_changed.notify_all();
  }
}

Result<size_t> ReadAhead::read(char* to, size_t capacity) {
  size_t done = 0;
  while (done < capacity) {
    std::unique_lock lock(m_mutex);
    m_changed.wait(lock, [&] { return m_made > m_used; });
    lock.unlock();
    const Block& block = m_blocks[m_used % kBlocks];
    if (block.error) return tl::unexpected(*block.error);
    const size_t part = std::min(capacity - done, block.size - m_next);
    std::memcpy(to + done, block.bytes.data() + m_next, part);
    done += part;
    m_next += part;
    if (m_next < block.size) continue;
    if (block.last) break;
    lock.lock();
    m_next = 0;
    ++m_used;
    m_changed.notify_all();
  }
  return done;
}

}  // namespace caracal::import
