// CUPTI's activity collection in this process: subscribed once, switched on and off, flushed.
//
// Locks: none is held while CUPTI is asked to flush, because CUPTI then calls back for buffers,
// from this thread and from its own.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "core/recorder/options.h"
#include "profiler/activity_decoder.h"
#include "profiler/buffer_pool.h"
#include "profiler/cupti_api.h"

namespace caracal::profiler {

class CuptiSession {
 public:
  // Loads and subscribes. On failure isActive() stays false and problem() says why; the process
  // runs on as if nothing had happened. `wake` is called, from any thread, when a buffer is full.
  void start(const recorder::RecordOptions& options, std::function<void()> wake);
  bool isActive() const { return m_isActive.load(std::memory_order_acquire); }
  const std::string& problem() const { return m_problem; }
  // Kinds that this CUPTI does not record, in words.
  const std::vector<std::string>& remarks() const { return m_remarks; }
  uint32_t version() const { return m_api.version; }

  // Collects the chosen kinds, or none of them. One thread at a time.
  void setCollecting(bool on);

  // The writer's.
  enum class Flush : uint8_t {
    kNone,
    kCompleted,  // buffers whose records are all complete
    kForced,     // at the end: whatever there is
  };
  void flush(Flush how);
  // Decodes every buffer that CUPTI has given back, handing out records in pieces of a frame.
  void drain(const std::function<void(const RecordBuffer&)>& onRecords);
  int64_t timestamp() const;  // 0 when there is none
  // Where CUPTI's clock is not the recorder's: how far behind it is now.
  void updateClockOffset();
  // Nothing is collected any more; buffers that still come are kept and not read.
  void end();

  // In a forked child: CUPTI's callbacks must not find the parent's session.
  static void forget() noexcept;

 private:
  static void CUPTIAPI bufferRequested(uint8_t** buffer, size_t* bytes, size_t* mostRecords);
  static void CUPTIAPI bufferCompleted(CUcontext context, uint32_t stream, uint8_t* buffer,
                                       size_t bytes, size_t validBytes);
  void startCollection(const recorder::RecordOptions& options);
  void enableKinds(const std::vector<CUpti_ActivityKind>& kinds);
  void silenceChatter();
  void measureClockOffset();

  CuptiApi m_api;
  BufferPool m_pool;
  ActivityDecoder m_decoder{m_api};
  std::function<void()> m_wake;
  std::vector<CUpti_ActivityKind> m_kinds;
  std::string m_problem;
  std::vector<std::string> m_remarks;
  bool m_usesOwnClock = false;
  std::atomic<bool> m_isActive{false};
  std::atomic<bool> m_ended{false};
};

}  // namespace caracal::profiler
