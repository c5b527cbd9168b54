// What ran on a GPU and which calls asked for it: one function a kind of CUPTI's records.
#include <cstddef>

#include "profiler/activity_decoder.h"

namespace caracal::profiler {
namespace {

using recorder::RecordKind;

// What the oldest version that is read, CUDA 12.0's, ends with. Fields behind it are 0 where a
// version lacks them.
#define CARACAL_BYTES_TO(Struct, lastField) \
  (offsetof(Struct, lastField) + sizeof(Struct::lastField))
constexpr size_t kKernelBytes = CARACAL_BYTES_TO(CUpti_ActivityKernel10, graphId);
constexpr size_t kCopyBytes = CARACAL_BYTES_TO(CUpti_ActivityMemcpy6, graphId);
constexpr size_t kPeerCopyBytes = CARACAL_BYTES_TO(CUpti_ActivityMemcpyPtoP4, graphId);
constexpr size_t kSetBytes = CARACAL_BYTES_TO(CUpti_ActivityMemset4, graphNodeId);
constexpr size_t kSynchronizationBytes =
    CARACAL_BYTES_TO(CUpti_ActivitySynchronization2, cudaEventId);
constexpr size_t kOverheadBytes = CARACAL_BYTES_TO(CUpti_ActivityOverhead3, end);
constexpr size_t kApiBytes = sizeof(CUpti_ActivityAPI);
constexpr size_t kExternalBytes =
    CARACAL_BYTES_TO(CUpti_ActivityExternalCorrelation, correlationId);
constexpr size_t kGraphBytes = CARACAL_BYTES_TO(CUpti_ActivityGraphTrace2, streamId);
#undef CARACAL_BYTES_TO

// The older structs of cupti_activity_deprecated.h lie under the newest ones.
static_assert(offsetof(CUpti_ActivityKernel8, graphId) ==
              offsetof(CUpti_ActivityKernel10, graphId));
static_assert(offsetof(CUpti_ActivityMemcpy5, graphId) == offsetof(CUpti_ActivityMemcpy6, graphId));
static_assert(offsetof(CUpti_ActivitySynchronization, cudaEventId) ==
              offsetof(CUpti_ActivitySynchronization2, cudaEventId));

template <class Out, class In>
void copyPlace(Out& out, const In& in) {
  out.device = in.deviceId;
  out.context = in.contextId;
  out.stream = in.streamId;
  out.correlation = in.correlationId;
}

// All but times and devices, of a copy within a device or between two.
template <class In>
void copyWhat(recorder::CopyRecord& out, const In& in) {
  copyPlace(out, in);
  out.bytes = in.bytes;
  out.copyKind = in.copyKind, out.srcKind = in.srcKind, out.dstKind = in.dstKind;
  out.graphId = in.graphId;
  out.graphNodeId = in.graphNodeId;
}

}  // namespace

void ActivityDecoder::addKernel(const CUpti_Activity* record, size_t bytes, RecordBuffer& out) {
  CUpti_ActivityKernel10 in;
  if (!take(record, bytes, kKernelBytes, in) || !hasTime(in.start, in.end)) return;
  const uint32_t name = textId(in.name, out);
  auto& kernel = out.add<recorder::KernelRecord>(RecordKind::kKernel);
  copyPlace(kernel, in);
  kernel.startNs = shifted(in.start);
  kernel.endNs = shifted(in.end);
  kernel.nameId = name;
  kernel.graphId = in.graphId;
  kernel.graphNodeId = in.graphNodeId;
  kernel.grid[0] = in.gridX, kernel.grid[1] = in.gridY, kernel.grid[2] = in.gridZ;
  kernel.block[0] = in.blockX, kernel.block[1] = in.blockY, kernel.block[2] = in.blockZ;
  kernel.cluster[0] = in.clusterX, kernel.cluster[1] = in.clusterY, kernel.cluster[2] = in.clusterZ;
  kernel.registers = in.registersPerThread;
  kernel.staticSharedBytes = in.staticSharedMemory;
  kernel.dynamicSharedBytes = in.dynamicSharedMemory;
  kernel.localBytesPerThread = in.localMemoryPerThread;
}

void ActivityDecoder::addCopy(const CUpti_Activity* record, size_t bytes, RecordBuffer& out) {
  CUpti_ActivityMemcpy6 in;
  if (!take(record, bytes, kCopyBytes, in) || !hasTime(in.start, in.end)) return;
  auto& copy = out.add<recorder::CopyRecord>(RecordKind::kCopy);
  copyWhat(copy, in);
  copy.startNs = shifted(in.start);
  copy.endNs = shifted(in.end);
  copy.srcDevice = copy.dstDevice = recorder::kNoDevice;
}

void ActivityDecoder::addPeerCopy(const CUpti_Activity* record, size_t bytes, RecordBuffer& out) {
  CUpti_ActivityMemcpyPtoP4 in;
  if (!take(record, bytes, kPeerCopyBytes, in) || !hasTime(in.start, in.end)) return;
  auto& copy = out.add<recorder::CopyRecord>(RecordKind::kCopy);
  copyWhat(copy, in);
  copy.startNs = shifted(in.start);
  copy.endNs = shifted(in.end);
  copy.srcDevice = in.srcDeviceId;
  copy.dstDevice = in.dstDeviceId;
}

void ActivityDecoder::addSet(const CUpti_Activity* record, size_t bytes, RecordBuffer& out) {
  CUpti_ActivityMemset4 in;
  if (!take(record, bytes, kSetBytes, in) || !hasTime(in.start, in.end)) return;
  auto& set = out.add<recorder::SetRecord>(RecordKind::kSet);
  copyPlace(set, in);
  set.startNs = shifted(in.start);
  set.endNs = shifted(in.end);
  set.bytes = in.bytes;
  set.value = in.value;
  set.memoryKind = in.memoryKind;
  set.graphNodeId = in.graphNodeId;
}

void ActivityDecoder::addSynchronization(const CUpti_Activity* record, size_t bytes,
                                         RecordBuffer& out) {
  CUpti_ActivitySynchronization2 in;
  if (!take(record, bytes, kSynchronizationBytes, in) || !hasTime(in.start, in.end)) return;
  auto& wait = out.add<recorder::SynchronizationRecord>(RecordKind::kSynchronization);
  wait.startNs = shifted(in.start);
  wait.endNs = shifted(in.end);
  wait.type = static_cast<uint32_t>(in.type);
  wait.context = in.contextId;
  wait.stream = in.streamId;
  wait.correlation = in.correlationId;
  wait.eventId = in.cudaEventId;
}

void ActivityDecoder::addOverhead(const CUpti_Activity* record, size_t bytes, RecordBuffer& out) {
  CUpti_ActivityOverhead3 in;
  if (!take(record, bytes, kOverheadBytes, in) || !hasTime(in.start, in.end)) return;
  auto& overhead = out.add<recorder::OverheadRecord>(RecordKind::kOverhead);
  overhead.startNs = shifted(in.start);
  overhead.endNs = shifted(in.end);
  overhead.kind = static_cast<uint32_t>(in.overheadKind);
  overhead.correlation = in.correlationId;
  if (in.objectKind == CUPTI_ACTIVITY_OBJECT_THREAD) overhead.threadId = in.objectId.pt.threadId;
}

void ActivityDecoder::addApiCall(const CUpti_Activity* record, size_t bytes, RecordBuffer& out) {
  CUpti_ActivityAPI in;
  if (!take(record, bytes, kApiBytes, in) || !hasTime(in.start, in.end)) return;
  const bool isRuntime = in.kind == CUPTI_ACTIVITY_KIND_RUNTIME;
  const uint32_t name =
      callName(isRuntime ? CUPTI_CB_DOMAIN_RUNTIME_API : CUPTI_CB_DOMAIN_DRIVER_API, in.cbid, out);
  auto& call = out.add<recorder::ApiRecord>(RecordKind::kApiCall);
  call.startNs = shifted(in.start);
  call.endNs = shifted(in.end);
  call.apiClass = isRuntime ? recorder::ApiClass::kRuntime : recorder::ApiClass::kDriver;
  call.threadId = in.threadId;
  call.correlation = in.correlationId;
  call.nameId = name;
  call.returnValue = static_cast<int32_t>(in.returnValue);
}

void ActivityDecoder::addExternal(const CUpti_Activity* record, size_t bytes, RecordBuffer& out) {
  CUpti_ActivityExternalCorrelation in;
  if (!take(record, bytes, kExternalBytes, in)) return;
  auto& external = out.add<recorder::ExternalCorrelationRecord>(RecordKind::kExternalCorrelation);
  external.externalId = in.externalId;
  external.externalKind = static_cast<uint32_t>(in.externalKind);
  external.correlation = in.correlationId;
}

void ActivityDecoder::addGraphLaunch(const CUpti_Activity* record, size_t bytes,
                                     RecordBuffer& out) {
  CUpti_ActivityGraphTrace2 in;
  if (!take(record, bytes, kGraphBytes, in) || !hasTime(in.start, in.end)) return;
  auto& launch = out.add<recorder::GraphLaunchRecord>(RecordKind::kGraphLaunch);
  copyPlace(launch, in);
  launch.startNs = shifted(in.start);
  launch.endNs = shifted(in.end);
  launch.graphId = in.graphId;
}

}  // namespace caracal::profiler
