#include "profiler/cupti_session.h"

#include "profiler/clock.h"

namespace caracal::profiler {
namespace {

using recorder::LossReason;

// CUPTI's buffer callbacks carry no user data.
std::atomic<CuptiSession*> g_session{nullptr};

struct KindOption {
  uint32_t bit;
  CUpti_ActivityKind kind;
};
// CONCURRENT_KERNEL and not KERNEL, which would run kernels one at a time.
constexpr KindOption kKindOptions[] = {
    {recorder::kKindKernel, CUPTI_ACTIVITY_KIND_CONCURRENT_KERNEL},
    {recorder::kKindMemcpy, CUPTI_ACTIVITY_KIND_MEMCPY},
    {recorder::kKindMemcpy, CUPTI_ACTIVITY_KIND_MEMCPY2},
    {recorder::kKindMemset, CUPTI_ACTIVITY_KIND_MEMSET},
    {recorder::kKindSync, CUPTI_ACTIVITY_KIND_SYNCHRONIZATION},
    {recorder::kKindOverhead, CUPTI_ACTIVITY_KIND_OVERHEAD},
    {recorder::kKindRuntime, CUPTI_ACTIVITY_KIND_RUNTIME},
    {recorder::kKindDriver, CUPTI_ACTIVITY_KIND_DRIVER},
    {recorder::kKindExternal, CUPTI_ACTIVITY_KIND_EXTERNAL_CORRELATION},
    {recorder::kKindGraph, CUPTI_ACTIVITY_KIND_GRAPH_TRACE}};

// What names devices, contexts (green ones too) and streams: few records, made early, always on.
constexpr CUpti_ActivityKind kHardwareKinds[] = {
    CUPTI_ACTIVITY_KIND_DEVICE, CUPTI_ACTIVITY_KIND_CONTEXT, CUPTI_ACTIVITY_KIND_STREAM};

void CUPTIAPI ignoreCallback(void*, CUpti_CallbackDomain, CUpti_CallbackId, const void*) {}

uint64_t CUPTIAPI ownTimestamp() {
  return static_cast<uint64_t>(nowNs());
}

std::string failureText(const CuptiApi& api, CUptiResult result) {
  if (result == CUPTI_ERROR_MULTIPLE_SUBSCRIBERS_NOT_SUPPORTED) {
    return "another tool (Nsight Systems, torch.profiler, ...) already uses CUPTI in this process, "
           "and it serves one; GPU activity is not recorded";
  }
  return "CUPTI does not start (" + api.resultText(result) + "); GPU activity is not recorded";
}

}  // namespace

void CuptiSession::start(const recorder::RecordOptions& options, std::function<void()> wake) {
  CuptiFound found = loadCupti(options.cupti);
  if (!found.api.isLoaded()) {
    m_problem = found.problem + "; GPU activity is not recorded";
    return;
  }
  m_api = found.api;
  m_wake = std::move(wake);
  // The subscription keeps other tools out and is refused where one is in already.
  CUpti_SubscriberHandle subscriber = nullptr;
  const CUptiResult subscribed = m_api.subscribe(&subscriber, &ignoreCallback, nullptr);
  if (subscribed != CUPTI_SUCCESS) {
    m_problem = failureText(m_api, subscribed);
    return;
  }
  startCollection(options);
}

void CuptiSession::startCollection(const recorder::RecordOptions& options) {
  m_api.setThreadIdType(CUPTI_ACTIVITY_THREAD_ID_TYPE_SYSTEM);  // gettid, as NVTX events carry
  // Before any kind is enabled, as CUPTI requires.
  m_usesOwnClock = m_api.registerTimestampCallback(&ownTimestamp) == CUPTI_SUCCESS;
  if (!m_usesOwnClock) measureClockOffset();
  g_session.store(this, std::memory_order_release);
  const CUptiResult registered = m_api.registerCallbacks(&bufferRequested, &bufferCompleted);
  if (registered != CUPTI_SUCCESS) {
    m_problem = failureText(m_api, registered);
    return;
  }
  for (const KindOption& option : kKindOptions) {
    if (options.kinds & option.bit) m_kinds.push_back(option.kind);
  }
  enableKinds({std::begin(kHardwareKinds), std::end(kHardwareKinds)});
  m_isActive.store(true, std::memory_order_release);
}

void CuptiSession::enableKinds(const std::vector<CUpti_ActivityKind>& kinds) {
  for (const CUpti_ActivityKind kind : kinds) {
    const CUptiResult result = m_api.enable(kind);
    if (result == CUPTI_SUCCESS || !m_remarks.empty()) continue;
    m_remarks.push_back("CUPTI does not record activity kind " +
                        std::to_string(static_cast<int>(kind)) + ": " + m_api.resultText(result));
  }
}

// Calls that frameworks make all the time and no figure uses.
void CuptiSession::silenceChatter() {
  if (m_api.enableRuntimeApi) {
    for (const CUpti_CallbackId call : {CUPTI_RUNTIME_TRACE_CBID_cudaGetDevice_v3020,
                                        CUPTI_RUNTIME_TRACE_CBID_cudaGetLastError_v3020,
                                        CUPTI_RUNTIME_TRACE_CBID_cudaPeekAtLastError_v3020})
      m_api.enableRuntimeApi(call, 0);
  }
  if (m_api.enableDriverApi) {
    for (const CUpti_CallbackId call : {CUPTI_DRIVER_TRACE_CBID_cuCtxGetCurrent,
                                        CUPTI_DRIVER_TRACE_CBID_cuDevicePrimaryCtxGetState,
                                        CUPTI_DRIVER_TRACE_CBID_cuKernelGetAttribute})
      m_api.enableDriverApi(call, 0);
  }
}

void CuptiSession::setCollecting(bool on) {
  if (!isActive()) return;
  if (on) {
    enableKinds(m_kinds);
    silenceChatter();
    return;
  }
  for (const CUpti_ActivityKind kind : m_kinds) m_api.disable(kind);
}

void CuptiSession::end() {
  if (!isActive()) return;
  for (const CUpti_ActivityKind kind : kHardwareKinds) m_api.disable(kind);
  m_ended.store(true, std::memory_order_release);
}

void CuptiSession::flush(Flush how) {
  if (isActive() && how != Flush::kNone)
    m_api.flushAll(how == Flush::kForced ? CUPTI_ACTIVITY_FLAG_FLUSH_FORCED : 0);
}

void CuptiSession::drain(const std::function<void(const RecordBuffer&)>& onRecords) {
  if (!isActive()) return;
  RecordBuffer records;
  size_t dropped = 0;
  if (m_api.getNumDroppedRecords(nullptr, 0, &dropped) == CUPTI_SUCCESS && dropped > 0)
    m_decoder.count(LossReason::kCupti, dropped);
  while (const auto full = m_pool.nextFull()) {
    m_decoder.decode(*full, records);
    m_pool.release(*full);
    if (records.size() >= BufferPool::kBufferBytes) {
      onRecords(records);
      records.clear();
    }
  }
  m_decoder.reportLosses(records);
  if (!records.empty()) onRecords(records);
}

int64_t CuptiSession::timestamp() const {
  uint64_t time = 0;
  return isActive() && m_api.getTimestamp(&time) == CUPTI_SUCCESS ? static_cast<int64_t>(time) : 0;
}

void CuptiSession::updateClockOffset() {
  if (isActive() && !m_usesOwnClock) measureClockOffset();
}

void CuptiSession::measureClockOffset() {
  uint64_t theirs = 0;
  const int64_t before = nowNs();
  if (m_api.getTimestamp(&theirs) != CUPTI_SUCCESS) return;
  const int64_t middle = before + (nowNs() - before) / 2;
  m_decoder.setClockOffset(middle - static_cast<int64_t>(theirs));
}

void CuptiSession::forget() noexcept {
  g_session.store(nullptr, std::memory_order_release);
}

void CUPTIAPI CuptiSession::bufferRequested(uint8_t** buffer, size_t* bytes, size_t* mostRecords) {
  *buffer = nullptr;
  *bytes = 0;
  *mostRecords = 0;  // as many as fit
  if (CuptiSession* const session = g_session.load(std::memory_order_acquire))
    *buffer = session->m_pool.lend(*bytes);
}

void CUPTIAPI CuptiSession::bufferCompleted(CUcontext, uint32_t, uint8_t* buffer, size_t,
                                            size_t validBytes) {
  CuptiSession* const session = g_session.load(std::memory_order_acquire);
  if (!session || !session->m_pool.takeBack(buffer, validBytes)) return;
  if (!session->m_ended.load(std::memory_order_acquire)) session->m_wake();
}

}  // namespace caracal::profiler
