// Records of fake GPU work, in the structs of the version that is asked for.
#include <sys/syscall.h>
#include <unistd.h>

#include <type_traits>

#include "tests/profiler/fake_state.h"

using namespace caracal::fake_cupti;

namespace {

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

}  // namespace

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
