// CUPTI's activity records into the log's. CUPTI versions its records by appending fields, so a
// record of any version of CUDA 12 and 13 is read as the newest one with what it lacks left 0; how
// long it is shows in where the next one begins.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <map>
#include <string>
#include <unordered_map>
#include <utility>

#include "core/recorder/log_activity.h"
#include "profiler/buffer_pool.h"
#include "profiler/cupti_api.h"
#include "profiler/record_buffer.h"

namespace caracal::profiler {

// Belongs to the writer thread.
class ActivityDecoder {
 public:
  explicit ActivityDecoder(const CuptiApi& api) : m_api(api) {}

  // Appends the records of a buffer that CUPTI has completed, with the texts they need in front.
  void decode(const BufferPool::Full& buffer, RecordBuffer& out);
  // Added to the times of GPU and host records: 0 when CUPTI uses the recorder's clock.
  void setClockOffset(int64_t offsetNs) { m_offsetNs = offsetNs; }
  void count(recorder::LossReason reason, uint64_t records);
  // Appends a LossRecord for every reason that has news.
  void reportLosses(RecordBuffer& out);

 private:
  void decodeRecord(const CUpti_Activity* record, size_t bytes, RecordBuffer& out);
  void addKernel(const CUpti_Activity* record, size_t bytes, RecordBuffer& out);
  void addCopy(const CUpti_Activity* record, size_t bytes, RecordBuffer& out);
  void addPeerCopy(const CUpti_Activity* record, size_t bytes, RecordBuffer& out);
  void addSet(const CUpti_Activity* record, size_t bytes, RecordBuffer& out);
  void addSynchronization(const CUpti_Activity* record, size_t bytes, RecordBuffer& out);
  void addOverhead(const CUpti_Activity* record, size_t bytes, RecordBuffer& out);
  void addApiCall(const CUpti_Activity* record, size_t bytes, RecordBuffer& out);
  void addExternal(const CUpti_Activity* record, size_t bytes, RecordBuffer& out);
  void addGraphLaunch(const CUpti_Activity* record, size_t bytes, RecordBuffer& out);
  void addContext(const CUpti_Activity* record, size_t bytes, RecordBuffer& out);
  void addDevice(const CUpti_Activity* record, size_t bytes, RecordBuffer& out);
  void addStream(const CUpti_Activity* record, size_t bytes, RecordBuffer& out);

  // The record as the newest version of its struct. False, and counted, when it is shorter than
  // `leastBytes`.
  template <class Newest>
  bool take(const CUpti_Activity* record, size_t bytes, size_t leastBytes, Newest& value) {
    if (bytes < leastBytes) {
      count(recorder::LossReason::kUnknownLayout, 1);
      return false;
    }
    std::memset(static_cast<void*>(&value), 0, sizeof value);
    std::memcpy(static_cast<void*>(&value), record, std::min(bytes, sizeof value));
    return true;
  }
  // Whether a span is one; kNoTime is counted when not.
  bool hasTime(uint64_t start, uint64_t end);
  int64_t shifted(uint64_t timeNs) const { return static_cast<int64_t>(timeNs) + m_offsetNs; }
  uint32_t textId(const char* text, RecordBuffer& out);
  uint32_t callName(CUpti_CallbackDomain domain, uint32_t callbackId, RecordBuffer& out);

  const CuptiApi& m_api;
  int64_t m_offsetNs = 0;
  std::unordered_map<std::string, uint32_t> m_texts;
  std::map<std::pair<uint32_t, uint32_t>, uint32_t> m_callNames;  // (domain, callback id) -> text
  std::array<uint64_t, recorder::kLossReasons> m_lost{};
};

}  // namespace caracal::profiler
