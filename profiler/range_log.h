// NVTX events of every thread on their way to the log. A thread appends to a buffer of its own,
// whose lock nobody else holds except the writer for the moment in which it takes the buffer away.
#pragma once

#include <nvtx3/nvToolsExtPayload.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string_view>
#include <vector>

#include "profiler/record_buffer.h"

namespace caracal::profiler {

struct RangeEvent {
  uint32_t domain = 0;
  uint32_t category = 0, color = 0;
  uint32_t payloadType = 0;  // nvtxPayloadType_t of a plain payload
  uint64_t payload = 0;
  std::string_view text;
  std::span<const nvtxPayloadData_t> extended;
};

// What one thread has said; made by RangeLog, outlives the thread.
class ThreadRanges {
 public:
  explicit ThreadRanges(uint32_t threadId) : m_threadId(threadId) {}
  uint32_t threadId() const { return m_threadId; }

  // The own thread's. Not recorded ranges are remembered too, so that their pops are left out.
  // Returns the depth of the new range, from 0.
  int push(const RangeEvent& event, int64_t timeNs, bool isRecorded);
  int pop(uint32_t domain, int64_t timeNs);
  void add(recorder::RecordKind kind, const RangeEvent& event, int64_t timeNs, uint64_t rangeId);

  // The writer's: what has been appended since the last call.
  RecordBuffer take();
  void endThread() { m_ended.store(true, std::memory_order_release); }
  bool hasEnded() const { return m_ended.load(std::memory_order_acquire); }
  uint64_t takeDropped() { return m_dropped.exchange(0, std::memory_order_relaxed); }
  bool isFilling() const { return m_isFilling.load(std::memory_order_relaxed); }

 private:
  struct DomainStack {
    uint32_t domain = 0;
    std::vector<bool> isRecorded;
  };
  DomainStack& stackOf(uint32_t domain);

  const uint32_t m_threadId;
  std::vector<DomainStack> m_stacks;  // the own thread's alone
  std::mutex m_mutex;                 // guards m_records
  RecordBuffer m_records;
  std::atomic<bool> m_ended{false};
  std::atomic<bool> m_isFilling{false};  // the writer should come before its time
  std::atomic<uint64_t> m_dropped{0};
};

class RangeLog {
 public:
  // The calling thread's; nullptr when there is no memory for it. Until the thread ends.
  ThreadRanges* ofThisThread() noexcept;
  // In a forked child, before the only thread goes on: forgets what belongs to the parent.
  static void forgetThisThread() noexcept;

  // The writer's. onChunk(threadId, records) for every thread that has news. Returns the events
  // dropped since the last call. Threads that have ended are forgotten.
  template <class OnChunk>
  uint64_t collect(OnChunk&& onChunk);

 private:
  std::mutex m_mutex;  // guards m_threads
  std::vector<std::shared_ptr<ThreadRanges>> m_threads;
};

template <class OnChunk>
uint64_t RangeLog::collect(OnChunk&& onChunk) {
  std::vector<std::shared_ptr<ThreadRanges>> threads;
  {
    const std::lock_guard lock(m_mutex);
    threads = m_threads;
    std::erase_if(m_threads, [](const auto& thread) { return thread->hasEnded(); });
  }
  uint64_t dropped = 0;
  for (const auto& thread : threads) {
    const RecordBuffer records = thread->take();
    if (!records.empty()) onChunk(thread->threadId(), records);
    dropped += thread->takeDropped();
  }
  return dropped;
}

}  // namespace caracal::profiler
