#include "profiler/buffer_pool.h"

#include <algorithm>
#include <new>

namespace caracal::profiler {

BufferPool::Buffer* BufferPool::addBuffer(size_t bytes, bool isDiscard) {
  Buffer buffer;
  buffer.words = std::make_unique<uint64_t[]>(bytes / sizeof(uint64_t));
  buffer.bytes = bytes;
  buffer.isDiscard = isDiscard;
  auto* const data = reinterpret_cast<uint8_t*>(buffer.words.get());
  if (!isDiscard) ++m_regular;
  return &m_buffers.emplace(data, std::move(buffer)).first->second;
}

BufferPool::Buffer* BufferPool::freeBuffer() {
  if (!m_free.empty()) {
    Buffer* const buffer = &m_buffers.at(m_free.back());
    m_free.pop_back();
    return buffer;
  }
  return m_regular < kMostBuffers ? addBuffer(kBufferBytes, false) : addBuffer(kDiscardBytes, true);
}

uint8_t* BufferPool::lend(size_t& bytes) noexcept {
  bytes = 0;
  try {
    const std::lock_guard lock(m_mutex);
    Buffer* const buffer = freeBuffer();
    buffer->owner = Owner::kCupti;
    bytes = buffer->bytes;
    return reinterpret_cast<uint8_t*>(buffer->words.get());
  } catch (const std::bad_alloc&) {
    return nullptr;
  }
}

bool BufferPool::takeBack(uint8_t* data, size_t validBytes) noexcept {
  try {
    const std::lock_guard lock(m_mutex);
    const auto found = m_buffers.find(data);
    if (found == m_buffers.end() || found->second.owner != Owner::kCupti) return false;
    m_full.push_back(data);
    found->second.owner = Owner::kPool;
    found->second.validBytes = std::min(validBytes, found->second.bytes);
    return true;
  } catch (const std::bad_alloc&) {
    return false;  // CUPTI keeps it, as far as the pool is concerned
  }
}

std::optional<BufferPool::Full> BufferPool::nextFull() {
  const std::lock_guard lock(m_mutex);
  if (m_full.empty()) return std::nullopt;
  uint8_t* const data = m_full.front();
  m_full.pop_front();
  Buffer& buffer = m_buffers.at(data);
  buffer.owner = Owner::kWriter;
  return Full{data, buffer.validBytes, buffer.isDiscard};
}

void BufferPool::release(const Full& full) {
  const std::lock_guard lock(m_mutex);
  const auto found = m_buffers.find(full.data);
  if (found == m_buffers.end() || found->second.owner != Owner::kWriter) return;
  if (found->second.isDiscard) {
    m_buffers.erase(found);
    return;
  }
  found->second.owner = Owner::kPool;
  m_free.push_back(full.data);
}

size_t BufferPool::lent() const {
  const std::lock_guard lock(m_mutex);
  return static_cast<size_t>(
      std::count_if(m_buffers.begin(), m_buffers.end(),
                    [](const auto& entry) { return entry.second.owner == Owner::kCupti; }));
}

}  // namespace caracal::profiler
