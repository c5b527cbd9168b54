#include "tests/profiler/fake_cupti.h"

#include <cupti.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <thread>
#include <vector>

#define FAKE_EXPORT extern "C" __attribute__((visibility("default")))

namespace {

constexpr uint32_t kCuda13 = 130000;
constexpr uint32_t kCuda124 = 22;
constexpr size_t kLeastRoom = 512;  // no record is longer

bool isSet(const char* name) {
  return std::getenv(name) != nullptr;
}

uint32_t version() {
  const char* const text = std::getenv("FAKE_CUPTI_VERSION");
  return text ? static_cast<uint32_t>(std::strtoul(text, nullptr, 10)) : kCuda13 + 1;
}

struct Buffer {
  uint8_t* data = nullptr;
  size_t bytes = 0, used = 0;
};

// One for each thread that launches work.
struct Launcher {
  std::mutex mutex;
  Buffer buffer;
};

struct State {
  std::mutex mutex;  // guards launchers and full; never held while the client is called
  std::vector<Launcher*> launchers;
  std::vector<Buffer> full;
  std::array<std::atomic<bool>, CUPTI_ACTIVITY_KIND_COUNT> enabled{};
  std::atomic<CUpti_BuffersCallbackRequestFunc> request{nullptr};
  std::atomic<CUpti_BuffersCallbackCompleteFunc> complete{nullptr};
  std::atomic<CUpti_TimestampCallbackFunc> timestamp{nullptr};
  std::atomic<uint32_t> held{0};
  std::atomic<bool> hasSubscriber{false};
  std::atomic<bool> saidDropped{false};
};

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
  state().held.fetch_sub(1);
  state().complete.load()(nullptr, 0, buffer.data, buffer.bytes, buffer.used);
}

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
    taken.swap(state().full);
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

// Room for one record; the client's callbacks are called without a lock, as CUPTI promises nothing
// else.
template <class Record>
void emit(CUpti_ActivityKind kind, const Record& record) {
  if (!state().enabled[kind] || !state().request.load()) return;
  Launcher& launcher = thisLauncher();
  std::unique_lock lock(launcher.mutex);
  if (launcher.buffer.bytes - launcher.buffer.used < kLeastRoom) {
    const Buffer full = launcher.buffer;
    launcher.buffer = {};
    lock.unlock();
    if (full.data) give(full);
    Buffer fresh;
    size_t most = 0;
    state().request.load()(&fresh.data, &fresh.bytes, &most);
    if (!fresh.data) return;
    state().held.fetch_add(1);
    lock.lock();
    launcher.buffer = fresh;
  }
  std::memcpy(launcher.buffer.data + launcher.buffer.used, &record, sizeof record);
  launcher.buffer.used += sizeof record;
}

template <class Record>
Record zeroed(CUpti_ActivityKind kind) {
  Record record;
  std::memset(static_cast<void*>(&record), 0, sizeof record);
  record.kind = kind;
  return record;
}

template <class Record>
void setPlace(Record& record, uint64_t start, uint64_t end, const FakePlace& place) {
  record.start = start;
  record.end = end;
  record.deviceId = place.device;
  record.contextId = place.context;
  record.streamId = place.stream;
  record.correlationId = place.correlation;
}

template <class Kernel>
void emitKernel(const char* name, uint64_t start, uint64_t end, const FakePlace& place) {
  auto kernel = zeroed<Kernel>(CUPTI_ACTIVITY_KIND_CONCURRENT_KERNEL);
  setPlace(kernel, start, end, place);
  kernel.name = name;
  kernel.gridX = 16, kernel.gridY = 2, kernel.gridZ = 1;
  kernel.blockX = 128, kernel.blockY = 1, kernel.blockZ = 1;
  kernel.registersPerThread = 64;
  emit(CUPTI_ACTIVITY_KIND_CONCURRENT_KERNEL, kernel);
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

FAKE_EXPORT uint64_t fakeNow() {
  if (const auto callback = state().timestamp.load()) return callback();
  timespec time{};
  ::clock_gettime(CLOCK_REALTIME, &time);
  return static_cast<uint64_t>(time.tv_sec) * 1'000'000'000u + static_cast<uint64_t>(time.tv_nsec);
}

FAKE_EXPORT uint32_t fakeBuffersHeld() {
  return state().held.load();
}

FAKE_EXPORT void fakeKernel(const char* name, uint64_t start, uint64_t end, FakePlace place) {
  if (version() < kCuda13) {
    emitKernel<CUpti_ActivityKernel8>(name, start, end, place);
  } else {
    emitKernel<CUpti_ActivityKernel10>(name, start, end, place);
  }
}

template <class Copy>
static void emitCopy(uint64_t bytes, uint64_t start, uint64_t end, const FakePlace& place) {
  auto copy = zeroed<Copy>(CUPTI_ACTIVITY_KIND_MEMCPY);
  setPlace(copy, start, end, place);
  copy.bytes = bytes;
  copy.copyKind = CUPTI_ACTIVITY_MEMCPY_KIND_HTOD;
  copy.srcKind = CUPTI_ACTIVITY_MEMORY_KIND_PINNED;
  copy.dstKind = CUPTI_ACTIVITY_MEMORY_KIND_DEVICE;
  emit(CUPTI_ACTIVITY_KIND_MEMCPY, copy);
}

FAKE_EXPORT void fakeCopy(uint64_t bytes, uint64_t start, uint64_t end, FakePlace place) {
  if (version() < kCuda13) {
    emitCopy<CUpti_ActivityMemcpy5>(bytes, start, end, place);
  } else {
    emitCopy<CUpti_ActivityMemcpy6>(bytes, start, end, place);
  }
}

FAKE_EXPORT void fakePeerCopy(uint64_t bytes, uint32_t toDevice, uint64_t start, uint64_t end,
                              FakePlace place) {
  auto copy = zeroed<CUpti_ActivityMemcpyPtoP4>(CUPTI_ACTIVITY_KIND_MEMCPY2);
  setPlace(copy, start, end, place);
  copy.bytes = bytes;
  copy.copyKind = CUPTI_ACTIVITY_MEMCPY_KIND_PTOP;
  copy.srcDeviceId = place.device;
  copy.dstDeviceId = toDevice;
  emit(CUPTI_ACTIVITY_KIND_MEMCPY2, copy);
}

FAKE_EXPORT void fakeSet(uint64_t bytes, uint64_t start, uint64_t end, FakePlace place) {
  auto set = zeroed<CUpti_ActivityMemset4>(CUPTI_ACTIVITY_KIND_MEMSET);
  setPlace(set, start, end, place);
  set.bytes = bytes;
  set.memoryKind = CUPTI_ACTIVITY_MEMORY_KIND_DEVICE;
  emit(CUPTI_ACTIVITY_KIND_MEMSET, set);
}

template <class Wait>
static void emitWait(uint32_t type, uint64_t start, uint64_t end, const FakePlace& place) {
  auto wait = zeroed<Wait>(CUPTI_ACTIVITY_KIND_SYNCHRONIZATION);
  wait.type = static_cast<CUpti_ActivitySynchronizationType>(type);
  wait.start = start;
  wait.end = end;
  wait.contextId = place.context;
  wait.streamId = place.stream;
  wait.correlationId = place.correlation;
  emit(CUPTI_ACTIVITY_KIND_SYNCHRONIZATION, wait);
}

FAKE_EXPORT void fakeWait(uint32_t type, uint64_t start, uint64_t end, FakePlace place) {
  if (version() < kCuda13) {
    emitWait<CUpti_ActivitySynchronization>(type, start, end, place);
  } else {
    emitWait<CUpti_ActivitySynchronization2>(type, start, end, place);
  }
}

FAKE_EXPORT void fakeApiCall(uint32_t callbackId, uint64_t start, uint64_t end,
                             uint32_t correlation) {
  auto call = zeroed<CUpti_ActivityAPI>(CUPTI_ACTIVITY_KIND_RUNTIME);
  call.cbid = callbackId;
  call.start = start;
  call.end = end;
  call.processId = static_cast<uint32_t>(::getpid());
  call.threadId = static_cast<uint32_t>(::syscall(SYS_gettid));
  call.correlationId = correlation;
  emit(CUPTI_ACTIVITY_KIND_RUNTIME, call);
}

FAKE_EXPORT void fakeExternal(uint64_t id, uint32_t correlation) {
  auto external =
      zeroed<CUpti_ActivityExternalCorrelation>(CUPTI_ACTIVITY_KIND_EXTERNAL_CORRELATION);
  external.externalKind = CUPTI_EXTERNAL_CORRELATION_KIND_CUSTOM0;
  external.externalId = id;
  external.correlationId = correlation;
  emit(CUPTI_ACTIVITY_KIND_EXTERNAL_CORRELATION, external);
}

FAKE_EXPORT void fakeGraph(uint32_t graph, uint64_t start, uint64_t end, FakePlace place) {
  auto launch = zeroed<CUpti_ActivityGraphTrace2>(CUPTI_ACTIVITY_KIND_GRAPH_TRACE);
  setPlace(launch, start, end, place);
  launch.graphId = graph;
  emit(CUPTI_ACTIVITY_KIND_GRAPH_TRACE, launch);
}

template <class Overhead>
static void emitOverhead(uint64_t start, uint64_t end) {
  auto overhead = zeroed<Overhead>(CUPTI_ACTIVITY_KIND_OVERHEAD);
  overhead.overheadKind = CUPTI_ACTIVITY_OVERHEAD_CUPTI_BUFFER_FLUSH;
  overhead.objectKind = CUPTI_ACTIVITY_OBJECT_THREAD;
  overhead.objectId.pt.processId = static_cast<uint32_t>(::getpid());
  overhead.objectId.pt.threadId = static_cast<uint32_t>(::syscall(SYS_gettid));
  overhead.start = start;
  overhead.end = end;
  emit(CUPTI_ACTIVITY_KIND_OVERHEAD, overhead);
}

FAKE_EXPORT void fakeOverhead(uint64_t start, uint64_t end) {
  if (version() < kCuda13) {
    emitOverhead<CUpti_ActivityOverhead>(start, end);
  } else {
    emitOverhead<CUpti_ActivityOverhead3>(start, end);
  }
}

template <class Context>
static void emitContext(uint32_t id, uint32_t device, uint32_t multiprocessors) {
  auto context = zeroed<Context>(CUPTI_ACTIVITY_KIND_CONTEXT);
  context.contextId = id;
  context.deviceId = device;
  context.nullStreamId = 7;
  if constexpr (!std::is_same_v<Context, CUpti_ActivityContext>) {
    context.isGreenContext = multiprocessors > 0;
    context.parentContextId = multiprocessors > 0 ? 1 : 0;
    context.numMultiprocessors = static_cast<uint16_t>(multiprocessors);
  }
  emit(CUPTI_ACTIVITY_KIND_CONTEXT, context);
}

FAKE_EXPORT void fakeContext(uint32_t context, uint32_t device, uint32_t multiprocessors) {
  if (version() < kCuda124) {
    emitContext<CUpti_ActivityContext>(context, device, multiprocessors);
  } else if (version() < kCuda13) {
    emitContext<CUpti_ActivityContext2>(context, device, multiprocessors);
  } else {
    emitContext<CUpti_ActivityContext3>(context, device, multiprocessors);
  }
}

template <class Device>
static void emitDevice(uint32_t id, const char* name) {
  auto device = zeroed<Device>(CUPTI_ACTIVITY_KIND_DEVICE);
  device.id = id;
  device.name = name;
  device.numMultiprocessors = 132;
  device.globalMemorySize = uint64_t{80} << 30;
  device.computeCapabilityMajor = 9;
  emit(CUPTI_ACTIVITY_KIND_DEVICE, device);
}

FAKE_EXPORT void fakeDevice(uint32_t device, const char* name) {
  if (version() < kCuda13) {
    emitDevice<CUpti_ActivityDevice4>(device, name);
  } else {
    emitDevice<CUpti_ActivityDevice5>(device, name);
  }
}

// --- the entry points of CUPTI ---

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
