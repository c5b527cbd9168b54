#include "profiler/recorder.h"

#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>

#include "profiler/clock.h"

namespace caracal::profiler {

using recorder::RecordKind;

std::atomic<Recorder*> Recorder::s_current{nullptr};

// --- events of the observed program's threads ---

ThreadRanges* Recorder::rangesIfWanted() {
  if (m_isOver.load(std::memory_order_relaxed)) return nullptr;
  if ((m_options.kinds & recorder::kKindNvtx) == 0) return nullptr;
  ThreadRanges* const ranges = m_ranges.ofThisThread();
  if (ranges && ranges->isFilling()) wake();
  return ranges;
}

int Recorder::push(const RangeEvent& event, bool isCaracalDomain) noexcept try {
  // The step first: its own range belongs to what it switches on.
  if (const auto step = m_steps.stepBegunBy(event.text, isCaracalDomain)) beginStep(*step);
  ThreadRanges* const ranges = rangesIfWanted();
  return ranges ? ranges->push(event, nowNs(), m_isCollecting.load(std::memory_order_relaxed)) : 0;
} catch (...) {
  return 0;
}

int Recorder::pop(uint32_t domain) noexcept try {
  ThreadRanges* const ranges = rangesIfWanted();
  return ranges ? ranges->pop(domain, nowNs()) : 0;
} catch (...) {
  return 0;
}

uint64_t Recorder::startRange(const RangeEvent& event) noexcept try {
  // The lowest bit of the id says whether its end is to be recorded.
  const bool isRecorded = m_isCollecting.load(std::memory_order_relaxed);
  const uint64_t id =
      (m_nextRange.fetch_add(1, std::memory_order_relaxed) << 1) | (isRecorded ? 1 : 0);
  if (ThreadRanges* const ranges = rangesIfWanted(); ranges && isRecorded)
    ranges->add(RecordKind::kRangeStart, event, nowNs(), id);
  return id;
} catch (...) {
  return 0;
}

void Recorder::endRange(uint64_t id) noexcept try {
  if ((id & 1) == 0) return;
  if (ThreadRanges* const ranges = rangesIfWanted())
    ranges->add(RecordKind::kRangeEnd, {}, nowNs(), id);
} catch (...) {
}

void Recorder::mark(const RangeEvent& event) noexcept try {
  ThreadRanges* const ranges = rangesIfWanted();
  if (ranges && m_isCollecting.load(std::memory_order_relaxed))
    ranges->add(RecordKind::kMark, event, nowNs(), 0);
} catch (...) {
}

// --- what is collected when ---

void Recorder::beginStep(int64_t step) {
  const std::lock_guard lock(m_collectionMutex);
  if (m_isOver.load(std::memory_order_relaxed)) return;
  const int64_t time = nowNs();
  const bool collects = recorder::collectsStep(m_options, step);
  if (collects != m_isCollecting.load(std::memory_order_relaxed)) switchCollection(collects, time);
  const std::lock_guard ownLock(m_ownMutex);
  auto& record = m_own.add<recorder::StepRecord>(RecordKind::kStep);
  record.timeNs = time;
  record.step = step;
  record.collecting = collects ? 1 : 0;
}

void Recorder::switchCollection(bool on, int64_t timeNs) {
  m_cupti.setCollecting(on);
  m_isCollecting.store(on, std::memory_order_relaxed);
  const std::lock_guard lock(m_ownMutex);
  auto& record = m_own.add<recorder::CollectionRecord>(RecordKind::kCollection);
  record.timeNs = timeNs;
  record.on = on ? 1 : 0;
}

void Recorder::note(const std::string& text, bool isWarning) {
  const std::lock_guard lock(m_ownMutex);
  auto& record = m_own.add<recorder::NoteRecord>(RecordKind::kNote, text.size());
  record.timeNs = nowNs();
  record.textBytes = static_cast<uint32_t>(text.size());
  record.isWarning = isWarning ? 1 : 0;
  copyBehind(record, 0, text);
}

void Recorder::startCupti() noexcept try {
  const std::lock_guard lock(m_collectionMutex);
  if (m_isOver.load(std::memory_order_relaxed) || m_cupti.isActive()) return;
  if ((m_options.kinds & ~recorder::kKindNvtx) == 0) return;
  m_cupti.start(m_options, [this] { wake(); });
  if (!m_cupti.problem().empty()) {
    std::fprintf(stderr, "caracal: %s\n", m_cupti.problem().c_str());
    return note(m_cupti.problem(), true);
  }
  // Once more, behind whatever CUPTI registered: handlers run in reverse order, and the last flush
  // needs a CUPTI that still works.
  std::atexit(&atExit);
  note("CUPTI " + cuptiVersionText(m_cupti.version()), false);
  if (m_isCollecting.load(std::memory_order_relaxed)) m_cupti.setCollecting(true);
  for (const std::string& remark : m_cupti.remarks()) note(remark, true);
} catch (...) {
}

// --- the writer thread ---

void Recorder::wake() {
  {
    const std::lock_guard lock(m_wakeMutex);
    m_hasWork = true;
  }
  m_wakeWriter.notify_one();
}

// Until there is work or `untilNs`; false when the recording is to end.
bool Recorder::waitForWork(int64_t untilNs) {
  std::unique_lock lock(m_wakeMutex);
  const auto left = std::chrono::nanoseconds(std::max<int64_t>(0, untilNs - nowNs()));
  m_wakeWriter.wait_for(lock, left, [&] { return m_hasWork || m_isStopping; });
  m_hasWork = false;
  return !m_isStopping;
}

bool Recorder::append(uint32_t threadId, const RecordBuffer& records) {
  if (records.empty() || m_log.append(threadId, records.bytes())) return true;
  if (!m_isOver.exchange(true)) {
    std::fprintf(stderr, "caracal: the log cannot be written (errno %d); recording stops here\n",
                 m_log.error());
  }
  return false;
}

void Recorder::addAnchor(RecordBuffer& out) {
  m_cupti.updateClockOffset();
  auto& anchor = out.add<recorder::AnchorRecord>(RecordKind::kAnchor);
  const int64_t before = nowNs();
  anchor.realtimeNs = readClock(CLOCK_REALTIME);
  anchor.monotonicNs = readClock(CLOCK_MONOTONIC);
  anchor.boottimeNs = readClock(CLOCK_BOOTTIME);
  const int64_t after = nowNs();
  anchor.timeNs = before + (after - before) / 2;
  anchor.uncertaintyNs = after - before;
  anchor.cuptiNs = m_cupti.timestamp();
}

void Recorder::writeNews(CuptiSession::Flush how) {
  m_cupti.flush(how);
  RecordBuffer records = NvtxNames::instance().definitionsSince(m_knownDefinitions);
  {
    const std::lock_guard lock(m_ownMutex);
    records.append(m_own);
    m_own.clear();
  }
  append(0, records);
  const uint64_t dropped = m_ranges.collect(
      [&](uint32_t thread, const RecordBuffer& ranges) { append(thread, ranges); });
  if (dropped > 0) {
    RecordBuffer loss;
    auto& record = loss.add<recorder::LossRecord>(RecordKind::kLoss);
    record.reason = recorder::LossReason::kNvtxQueueFull;
    record.records = dropped;
    append(0, loss);
  }
  m_cupti.drain([&](const RecordBuffer& activity) { append(0, activity); });
}

void Recorder::writeEnd() {
  {
    const std::lock_guard lock(m_collectionMutex);
    if (m_isCollecting.load(std::memory_order_relaxed)) switchCollection(false, nowNs());
    m_isOver.store(true, std::memory_order_relaxed);
  }
  writeNews(CuptiSession::Flush::kCompleted);
  writeNews(CuptiSession::Flush::kForced);
  m_cupti.end();
  RecordBuffer records;
  addAnchor(records);
  auto& end = records.add<recorder::EndRecord>(RecordKind::kEnd);
  end.timeNs = nowNs();
  end.writerCpuNs = readClock(CLOCK_THREAD_CPUTIME_ID);
  append(0, records);
  m_log.finish();
}

void Recorder::write() {
  constexpr int64_t kMs = 1'000'000;
  int64_t nextFlush = nowNs() + m_options.flushMs * kMs;
  int64_t nextAnchor = nowNs() + m_options.anchorMs * kMs;
  const int64_t deadline =
      m_options.durationMs > 0 ? m_startNs + m_options.durationMs * kMs : INT64_MAX;
  while (waitForWork(std::min({nextFlush, nextAnchor, deadline}))) {
    const int64_t now = nowNs();
    if (now >= deadline || m_log.error() != 0) break;
    if (now >= nextAnchor) {
      RecordBuffer anchor;
      addAnchor(anchor);
      append(0, anchor);
      nextAnchor = now + m_options.anchorMs * kMs;
    }
    // Woken early by a full buffer there is enough to do; a flush would only cut buffers short.
    const bool isDue = now >= nextFlush;
    writeNews(isDue ? CuptiSession::Flush::kCompleted : CuptiSession::Flush::kNone);
    if (isDue) nextFlush = nowNs() + m_options.flushMs * kMs;
  }
  writeEnd();
  const std::lock_guard lock(m_wakeMutex);
  m_hasEnded = true;
  m_writerEnded.notify_all();
}

void Recorder::stop() {
  std::unique_lock lock(m_wakeMutex);
  m_isStopping = true;
  m_wakeWriter.notify_one();
  m_writerEnded.wait_for(lock, std::chrono::milliseconds(kExitWaitMs), [&] { return m_hasEnded; });
}

}  // namespace caracal::profiler
