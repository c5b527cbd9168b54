// The entry points of CUPTI that the recorder uses.
#include <time.h>

#include <algorithm>
#include <thread>

#include "tests/profiler/fake_state.h"

namespace caracal::fake_cupti {

State& state() {
  static State* const all = new State;
  return *all;
}

Launcher& thisLauncher() {
  thread_local Launcher* launcher = nullptr;
  if (!launcher) {
    launcher = new Launcher;
    const std::lock_guard lock(state().mutex);
    state().launchers.push_back(launcher);
  }
  return *launcher;
}

void give(const Buffer& buffer) {
  state().complete.load()(nullptr, 0, buffer.data, buffer.bytes, buffer.used);
}

namespace {

// From two threads of CUPTI's own, as buffers of several contexts come.
void giveAll(const std::vector<Buffer>& buffers) {
  std::vector<std::thread> threads;
  for (size_t t = 0; t < 2; ++t) {
    threads.emplace_back([&, t] {
      for (size_t i = t; i < buffers.size(); i += 2) give(buffers[i]);
    });
  }
  for (std::thread& thread : threads) thread.join();
}

std::vector<Buffer> takeBuffers() {
  std::vector<Launcher*> launchers;
  std::vector<Buffer> taken;
  {
    const std::lock_guard lock(state().mutex);
    launchers = state().launchers;
  }
  for (Launcher* const launcher : launchers) {
    const std::lock_guard lock(launcher->mutex);
    if (launcher->buffer.used == 0) continue;
    taken.push_back(launcher->buffer);
    launcher->buffer = {};
  }
  return taken;
}

void completeAtLast() {
  giveAll(takeBuffers());
}

// How long a record of this version is: what the real library knows of its own records.
size_t lengthOf(const CUpti_Activity* record) {
  const bool isOld = version() < kCuda13;
  switch (record->kind) {
    case CUPTI_ACTIVITY_KIND_CONCURRENT_KERNEL:
      return isOld ? sizeof(CUpti_ActivityKernel8) : sizeof(CUpti_ActivityKernel10);
    case CUPTI_ACTIVITY_KIND_MEMCPY:
      return isOld ? sizeof(CUpti_ActivityMemcpy5) : sizeof(CUpti_ActivityMemcpy6);
    case CUPTI_ACTIVITY_KIND_MEMCPY2:
      return sizeof(CUpti_ActivityMemcpyPtoP4);
    case CUPTI_ACTIVITY_KIND_MEMSET:
      return sizeof(CUpti_ActivityMemset4);
    case CUPTI_ACTIVITY_KIND_SYNCHRONIZATION:
      return isOld ? sizeof(CUpti_ActivitySynchronization) : sizeof(CUpti_ActivitySynchronization2);
    case CUPTI_ACTIVITY_KIND_RUNTIME:
      return sizeof(CUpti_ActivityAPI);
    case CUPTI_ACTIVITY_KIND_EXTERNAL_CORRELATION:
      return sizeof(CUpti_ActivityExternalCorrelation);
    case CUPTI_ACTIVITY_KIND_GRAPH_TRACE:
      return sizeof(CUpti_ActivityGraphTrace2);
    case CUPTI_ACTIVITY_KIND_OVERHEAD:
      return isOld ? sizeof(CUpti_ActivityOverhead) : sizeof(CUpti_ActivityOverhead3);
    case CUPTI_ACTIVITY_KIND_CONTEXT:
      if (version() < kCuda124) return sizeof(CUpti_ActivityContext);
      return isOld ? sizeof(CUpti_ActivityContext2) : sizeof(CUpti_ActivityContext3);
    case CUPTI_ACTIVITY_KIND_DEVICE:
      return isOld ? sizeof(CUpti_ActivityDevice4) : sizeof(CUpti_ActivityDevice5);
    default:
      return 0;
  }
}

}  // namespace
}  // namespace caracal::fake_cupti

using namespace caracal::fake_cupti;

FAKE_EXPORT uint64_t fakeNow() {
  if (const auto callback = state().timestamp.load()) return callback();
  timespec time{};
  ::clock_gettime(CLOCK_REALTIME, &time);
  return static_cast<uint64_t>(time.tv_sec) * 1'000'000'000u + static_cast<uint64_t>(time.tv_nsec);
}

FAKE_EXPORT CUptiResult cuptiGetVersion(uint32_t* number) {
  *number = version();
  return CUPTI_SUCCESS;
}

FAKE_EXPORT CUptiResult cuptiGetResultString(CUptiResult, const char** text) {
  *text = "a fake error";
  return CUPTI_SUCCESS;
}

FAKE_EXPORT CUptiResult cuptiSubscribe(CUpti_SubscriberHandle*, CUpti_CallbackFunc, void*) {
  if (isSet("FAKE_CUPTI_OTHER") || state().hasSubscriber.exchange(true))
    return CUPTI_ERROR_MULTIPLE_SUBSCRIBERS_NOT_SUPPORTED;
  if (isSet("FAKE_CUPTI_LATE")) std::atexit(&completeAtLast);
  return CUPTI_SUCCESS;
}

FAKE_EXPORT CUptiResult cuptiGetCallbackName(CUpti_CallbackDomain, uint32_t id, const char** name) {
  if (id != 211) return CUPTI_ERROR_INVALID_PARAMETER;
  *name = "cudaLaunchKernel_v7000";
  return CUPTI_SUCCESS;
}

FAKE_EXPORT CUptiResult cuptiGetTimestamp(uint64_t* time) {
  *time = fakeNow();
  return CUPTI_SUCCESS;
}

FAKE_EXPORT CUptiResult cuptiActivityRegisterCallbacks(CUpti_BuffersCallbackRequestFunc request,
                                                       CUpti_BuffersCallbackCompleteFunc complete) {
  state().request = request;
  state().complete = complete;
  return CUPTI_SUCCESS;
}

FAKE_EXPORT CUptiResult
cuptiActivityRegisterTimestampCallback(CUpti_TimestampCallbackFunc callback) {
  for (const auto& enabled : state().enabled) {
    if (enabled) return CUPTI_ERROR_NOT_COMPATIBLE;  // too late
  }
  if (isSet("FAKE_CUPTI_OWN_CLOCK")) return CUPTI_ERROR_NOT_SUPPORTED;
  state().timestamp = callback;
  return CUPTI_SUCCESS;
}

FAKE_EXPORT CUptiResult cuptiActivityEnable(CUpti_ActivityKind kind) {
  state().enabled[kind] = true;
  return CUPTI_SUCCESS;
}

FAKE_EXPORT CUptiResult cuptiActivityDisable(CUpti_ActivityKind kind) {
  state().enabled[kind] = false;
  return CUPTI_SUCCESS;
}

FAKE_EXPORT CUptiResult cuptiActivityFlushAll(uint32_t flag) {
  const bool isForced = (flag & CUPTI_ACTIVITY_FLAG_FLUSH_FORCED) != 0;
  if (isSet("FAKE_CUPTI_LATE") || (isSet("FAKE_CUPTI_KEEP") && !isForced)) return CUPTI_SUCCESS;
  giveAll(takeBuffers());
  return CUPTI_SUCCESS;
}

FAKE_EXPORT CUptiResult cuptiActivityGetNextRecord(uint8_t* buffer, size_t valid,
                                                   CUpti_Activity** record) {
  uint8_t* next = buffer;
  if (*record) next = reinterpret_cast<uint8_t*>(*record) + lengthOf(*record);
  if (next >= buffer + valid) return CUPTI_ERROR_MAX_LIMIT_REACHED;
  *record = reinterpret_cast<CUpti_Activity*>(next);
  return CUPTI_SUCCESS;
}

FAKE_EXPORT CUptiResult cuptiActivityGetNumDroppedRecords(CUcontext, uint32_t, size_t* dropped) {
  const char* const text = std::getenv("FAKE_CUPTI_DROPPED");
  *dropped = text && !state().saidDropped.exchange(true)
                 ? static_cast<size_t>(std::strtoul(text, nullptr, 10))
                 : 0;
  return CUPTI_SUCCESS;
}

FAKE_EXPORT CUptiResult cuptiSetThreadIdType(CUpti_ActivityThreadIdType) {
  return CUPTI_SUCCESS;
}
