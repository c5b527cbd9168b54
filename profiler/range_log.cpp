#include "profiler/range_log.h"

#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <new>
#include <utility>

namespace caracal::profiler {
namespace {

using recorder::RangeRecord;
using recorder::RecordKind;

constexpr size_t kMostTextBytes = 4096;
constexpr size_t kMostExtendedBytes = 4096;
// A thread's buffer asks for the writer at the first and drops events at the second size.
constexpr size_t kFillingBytes = size_t{256} << 10;
constexpr size_t kFullBytes = size_t{8} << 20;

// The thread's ranges, with what keeps them alive. A plain pointer: calls may still come while the
// thread's other destructors run.
struct ThreadSlot {
  std::shared_ptr<ThreadRanges> ranges;
  const RangeLog* owner = nullptr;
};
thread_local ThreadSlot* t_slot = nullptr;

void endThread(void* slot) {
  auto* const ended = static_cast<ThreadSlot*>(slot);
  t_slot = nullptr;
  ended->ranges->endThread();
  delete ended;
}

pthread_key_t threadKey() {
  static const pthread_key_t kKey = [] {
    pthread_key_t key{};
    ::pthread_key_create(&key, &endThread);
    return key;
  }();
  return kKey;
}

// Payloads of unknown size, and what would make the record too long, are left out.
bool isCopied(const nvtxPayloadData_t& data) {
  return data.payload != nullptr && data.size <= kMostExtendedBytes;
}

size_t extendedBytes(std::span<const nvtxPayloadData_t> all) {
  size_t bytes = 0;
  for (const nvtxPayloadData_t& data : all) {
    if (isCopied(data))
      bytes += 2 * sizeof(uint64_t) + recorder::roundedUp(static_cast<uint32_t>(data.size));
  }
  return bytes;
}

void copyExtended(RangeRecord& record, size_t offset, std::span<const nvtxPayloadData_t> all) {
  for (const nvtxPayloadData_t& data : all) {
    if (!isCopied(data)) continue;
    const uint64_t head[2] = {data.schemaId, data.size};
    copyBehind(record, offset, {reinterpret_cast<const char*>(head), sizeof head});
    copyBehind(record, offset + sizeof head, {static_cast<const char*>(data.payload), data.size});
    offset += sizeof head + recorder::roundedUp(static_cast<uint32_t>(data.size));
  }
}

}  // namespace

void ThreadRanges::add(RecordKind kind, const RangeEvent& event, int64_t timeNs, uint64_t rangeId) {
  const std::string_view text = event.text.substr(0, kMostTextBytes);
  const size_t textRoom = recorder::roundedUp(static_cast<uint32_t>(text.size()));
  size_t extended = extendedBytes(event.extended);
  if (extended > kMostExtendedBytes) extended = 0;
  const std::lock_guard lock(m_mutex);
  if (m_records.size() > kFullBytes) {
    m_dropped.fetch_add(1, std::memory_order_relaxed);
    return;
  }
  auto& record = m_records.add<RangeRecord>(kind, textRoom + extended);
  record.timeNs = timeNs;
  record.rangeId = rangeId;
  record.payload = event.payload;
  record.domain = event.domain;
  record.category = event.category;
  record.color = event.color;
  record.payloadType = event.payloadType;
  record.textBytes = static_cast<uint32_t>(text.size());
  record.extendedBytes = static_cast<uint32_t>(extended);
  copyBehind(record, 0, text);
  if (extended > 0) copyExtended(record, textRoom, event.extended);
  if (m_records.size() > kFillingBytes) m_isFilling.store(true, std::memory_order_relaxed);
}

ThreadRanges::DomainStack& ThreadRanges::stackOf(uint32_t domain) {
  const auto found = std::find_if(m_stacks.begin(), m_stacks.end(),
                                  [&](const DomainStack& stack) { return stack.domain == domain; });
  if (found != m_stacks.end()) return *found;
  return m_stacks.emplace_back(DomainStack{domain, {}});
}

int ThreadRanges::push(const RangeEvent& event, int64_t timeNs, bool isRecorded) {
  DomainStack& stack = stackOf(event.domain);
  stack.isRecorded.push_back(isRecorded);
  if (isRecorded) add(RecordKind::kRangePush, event, timeNs, 0);
  return static_cast<int>(stack.isRecorded.size()) - 1;
}

int ThreadRanges::pop(uint32_t domain, int64_t timeNs) {
  DomainStack& stack = stackOf(domain);
  if (stack.isRecorded.empty()) return -1;
  const bool isRecorded = stack.isRecorded.back();
  stack.isRecorded.pop_back();
  if (isRecorded) add(RecordKind::kRangePop, {.domain = domain}, timeNs, 0);
  return static_cast<int>(stack.isRecorded.size());
}

RecordBuffer ThreadRanges::take() {
  const std::lock_guard lock(m_mutex);
  m_isFilling.store(false, std::memory_order_relaxed);
  return std::exchange(m_records, RecordBuffer());
}

ThreadRanges* RangeLog::ofThisThread() noexcept {
  if (t_slot && t_slot->owner == this) return t_slot->ranges.get();
  try {
    auto ranges = std::make_shared<ThreadRanges>(static_cast<uint32_t>(::syscall(SYS_gettid)));
    auto slot = std::make_unique<ThreadSlot>(ThreadSlot{ranges, this});
    {
      const std::lock_guard lock(m_mutex);
      m_threads.push_back(std::move(ranges));
    }
    delete t_slot;
    t_slot = slot.release();
    ::pthread_setspecific(threadKey(), t_slot);
    return t_slot->ranges.get();
  } catch (const std::bad_alloc&) {
    return nullptr;
  }
}

void RangeLog::forgetThisThread() noexcept {
  // The ranges live on in the parent's recorder, which is never destroyed: their locks may be in
  // any state.
  delete std::exchange(t_slot, nullptr);
  ::pthread_setspecific(threadKey(), nullptr);
}

}  // namespace caracal::profiler
