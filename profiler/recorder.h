// The recorder of this process: one log, one writer thread, the sources that feed it.
//
// Rules it keeps, because it lives in somebody else's program:
// - it ends nothing, throws nothing, prints at most one line a process, and blocks at most
//   kExitWaitMs at exit;
// - no lock is held while CUPTI is called to flush, and no lock is shared with CUPTI's callbacks
//   except the buffer pool's own;
// - a forked child never writes to its parent's log: it starts a log of its own when it uses CUDA.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <string>
#include <thread>

#include "core/recorder/options.h"
#include "profiler/cupti_session.h"
#include "profiler/log_file.h"
#include "profiler/nvtx_names.h"
#include "profiler/range_log.h"
#include "profiler/step_watch.h"

namespace caracal::profiler {

class Recorder {
 public:
  static constexpr int kExitWaitMs = 20'000;

  // nullptr: nothing is recorded in this process. Never destroyed once started.
  static Recorder* current() noexcept { return s_current.load(std::memory_order_acquire); }
  // Starts recording at the first call in a process, if `caracal record` asked for it.
  static Recorder* startOnce() noexcept;

  // CUDA is being initialised.
  void startCupti() noexcept;

  // NVTX events of the calling thread. Return values are NVTX's: the depth of the range; an id.
  int push(const RangeEvent& event, bool isCaracalDomain) noexcept;
  int pop(uint32_t domain) noexcept;
  uint64_t startRange(const RangeEvent& event) noexcept;
  void endRange(uint64_t id) noexcept;
  void mark(const RangeEvent& event) noexcept;

 private:
  explicit Recorder(recorder::RecordOptions options)
      : m_options(std::move(options)), m_steps(m_options.stepMarker) {}
  static void prepareFork() noexcept;
  static void afterForkInParent() noexcept;
  static void afterForkInChild() noexcept;
  static void atExit() noexcept;

  bool openLog();
  void writeStart();
  void startWriter();
  void stop();

  void beginStep(int64_t step);
  void switchCollection(bool on, int64_t timeNs);  // REQUIRES m_collectionMutex
  void note(const std::string& text, bool isWarning);
  ThreadRanges* rangesIfWanted();

  // The writer thread.
  void write();
  void writeNews(CuptiSession::Flush how);
  void writeEnd();
  void addAnchor(RecordBuffer& out);
  bool append(uint32_t threadId, const RecordBuffer& records);
  void wake();
  bool waitForWork(int64_t untilNs);

  static std::atomic<Recorder*> s_current;

  const recorder::RecordOptions m_options;
  LogFile m_log;
  RangeLog m_ranges;
  StepWatch m_steps;
  CuptiSession m_cupti;
  size_t m_knownDefinitions = 0;
  int64_t m_startNs = 0;

  std::mutex m_collectionMutex;  // guards switching; order: before m_ownMutex
  std::atomic<bool> m_isCollecting{false};
  std::atomic<bool> m_isOver{false};  // nothing more is recorded
  std::atomic<uint64_t> m_nextRange{1};

  std::mutex m_ownMutex;  // guards m_own
  RecordBuffer m_own;     // steps, switches, notes

  std::mutex m_wakeMutex;  // guards the three below
  std::condition_variable m_wakeWriter, m_writerEnded;
  bool m_hasWork = false, m_isStopping = false, m_hasEnded = false;
};

}  // namespace caracal::profiler
