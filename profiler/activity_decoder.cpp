#include "profiler/activity_decoder.h"

#include <algorithm>
#include <cstddef>
#include <cstring>

namespace caracal::profiler {
namespace {

using recorder::LossReason;
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
constexpr size_t kContextBytes = CARACAL_BYTES_TO(CUpti_ActivityContext3, nullStreamId);
constexpr size_t kDeviceBytes = CARACAL_BYTES_TO(CUpti_ActivityDevice5, name);
constexpr size_t kStreamBytes = CARACAL_BYTES_TO(CUpti_ActivityStream, flag);
#undef CARACAL_BYTES_TO

// The older structs of cupti_activity_deprecated.h lie under the newest ones.
static_assert(offsetof(CUpti_ActivityKernel8, graphId) ==
              offsetof(CUpti_ActivityKernel10, graphId));
static_assert(offsetof(CUpti_ActivityMemcpy5, graphId) == offsetof(CUpti_ActivityMemcpy6, graphId));
static_assert(offsetof(CUpti_ActivitySynchronization, cudaEventId) ==
              offsetof(CUpti_ActivitySynchronization2, cudaEventId));
static_assert(offsetof(CUpti_ActivityContext, nullStreamId) ==
              offsetof(CUpti_ActivityContext3, nullStreamId));
static_assert(offsetof(CUpti_ActivityDevice4, name) == offsetof(CUpti_ActivityDevice5, name));

template <class Out, class In>
void copyPlace(Out& out, const In& in) {
  out.device = in.deviceId;
  out.context = in.contextId;
  out.stream = in.streamId;
  out.correlation = in.correlationId;
}

}  // namespace

void ActivityDecoder::count(LossReason reason, uint64_t records) {
  m_lost[static_cast<size_t>(reason)] += records;
}

void ActivityDecoder::reportLosses(RecordBuffer& out) {
  for (uint32_t reason = 0; reason < recorder::kLossReasons; ++reason) {
    if (m_lost[reason] == 0) continue;
    auto& record = out.add<recorder::LossRecord>(RecordKind::kLoss);
    record.reason = static_cast<LossReason>(reason);
    record.records = std::exchange(m_lost[reason], 0);
  }
}

void ActivityDecoder::decode(const BufferPool::Full& buffer, RecordBuffer& out) {
  const uint8_t* const end = buffer.data + buffer.validBytes;
  CUpti_Activity* next = nullptr;
  const CUpti_Activity* record = nullptr;
  const auto finish = [&](const uint8_t* recordEnd) {
    if (!record) return;
    if (buffer.isDiscard) return count(LossReason::kNoBuffer, 1);
    decodeRecord(record, static_cast<size_t>(recordEnd - reinterpret_cast<const uint8_t*>(record)),
                 out);
  };
  while (m_api.getNextRecord(buffer.data, buffer.validBytes, &next) == CUPTI_SUCCESS) {
    finish(reinterpret_cast<const uint8_t*>(next));
    record = next;
  }
  finish(end);
}

void ActivityDecoder::decodeRecord(const CUpti_Activity* record, size_t bytes, RecordBuffer& out) {
  switch (record->kind) {
    case CUPTI_ACTIVITY_KIND_KERNEL:
    case CUPTI_ACTIVITY_KIND_CONCURRENT_KERNEL:
      return addKernel(record, bytes, out);
    case CUPTI_ACTIVITY_KIND_MEMCPY:
      return addCopy(record, bytes, out);
    case CUPTI_ACTIVITY_KIND_MEMCPY2:
      return addPeerCopy(record, bytes, out);
    case CUPTI_ACTIVITY_KIND_MEMSET:
      return addSet(record, bytes, out);
    case CUPTI_ACTIVITY_KIND_SYNCHRONIZATION:
      return addSynchronization(record, bytes, out);
    case CUPTI_ACTIVITY_KIND_OVERHEAD:
      return addOverhead(record, bytes, out);
    case CUPTI_ACTIVITY_KIND_RUNTIME:
    case CUPTI_ACTIVITY_KIND_DRIVER:
      return addApiCall(record, bytes, out);
    case CUPTI_ACTIVITY_KIND_EXTERNAL_CORRELATION:
      return addExternal(record, bytes, out);
    case CUPTI_ACTIVITY_KIND_GRAPH_TRACE:
      return addGraphLaunch(record, bytes, out);
    case CUPTI_ACTIVITY_KIND_CONTEXT:
      return addContext(record, bytes, out);
    case CUPTI_ACTIVITY_KIND_DEVICE:
      return addDevice(record, bytes, out);
    case CUPTI_ACTIVITY_KIND_STREAM:
      return addStream(record, bytes, out);
    default:
      return;  // not asked for
  }
}

template <class Newest>
bool ActivityDecoder::take(const CUpti_Activity* record, size_t bytes, size_t leastBytes,
                           Newest& value) {
  if (bytes < leastBytes) {
    count(LossReason::kUnknownLayout, 1);
    return false;
  }
  std::memset(static_cast<void*>(&value), 0, sizeof value);
  std::memcpy(static_cast<void*>(&value), record, std::min(bytes, sizeof value));
  return true;
}

bool ActivityDecoder::hasTime(uint64_t start, uint64_t end) {
  if (start != 0 && end >= start) return true;
  count(LossReason::kNoTime, 1);
  return false;
}

uint32_t ActivityDecoder::textId(const char* text, RecordBuffer& out) {
  const std::string value = text ? text : "";
  const auto [found, isNew] = m_texts.try_emplace(value, static_cast<uint32_t>(m_texts.size()) + 1);
  if (isNew) {
    auto& record = out.add<recorder::TextRecord>(RecordKind::kText, value.size());
    record.id = found->second;
    record.textBytes = static_cast<uint32_t>(value.size());
    copyBehind(record, 0, value);
  }
  return found->second;
}

uint32_t ActivityDecoder::callName(CUpti_CallbackDomain domain, uint32_t callbackId,
                                   RecordBuffer& out) {
  const auto [found, isNew] = m_callNames.try_emplace({domain, callbackId}, 0);
  if (isNew) {
    const char* name = nullptr;
    if (m_api.getCallbackName(domain, callbackId, &name) != CUPTI_SUCCESS) name = nullptr;
    const std::string number = "callback " + std::to_string(callbackId);
    found->second = textId(name ? name : number.c_str(), out);
  }
  return found->second;
}

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
  copyPlace(copy, in);
  copy.startNs = shifted(in.start);
  copy.endNs = shifted(in.end);
  copy.bytes = in.bytes;
  copy.copyKind = in.copyKind, copy.srcKind = in.srcKind, copy.dstKind = in.dstKind;
  copy.srcDevice = copy.dstDevice = recorder::kNoDevice;
  copy.graphId = in.graphId;
  copy.graphNodeId = in.graphNodeId;
}

void ActivityDecoder::addPeerCopy(const CUpti_Activity* record, size_t bytes, RecordBuffer& out) {
  CUpti_ActivityMemcpyPtoP4 in;
  if (!take(record, bytes, kPeerCopyBytes, in) || !hasTime(in.start, in.end)) return;
  auto& copy = out.add<recorder::CopyRecord>(RecordKind::kCopy);
  copyPlace(copy, in);
  copy.startNs = shifted(in.start);
  copy.endNs = shifted(in.end);
  copy.bytes = in.bytes;
  copy.copyKind = in.copyKind, copy.srcKind = in.srcKind, copy.dstKind = in.dstKind;
  copy.srcDevice = in.srcDeviceId;
  copy.dstDevice = in.dstDeviceId;
  copy.graphId = in.graphId;
  copy.graphNodeId = in.graphNodeId;
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

void ActivityDecoder::addContext(const CUpti_Activity* record, size_t bytes, RecordBuffer& out) {
  CUpti_ActivityContext3 in;
  if (!take(record, bytes, kContextBytes, in)) return;
  auto& context = out.add<recorder::ContextRecord>(RecordKind::kContext);
  context.context = in.contextId;
  context.device = in.deviceId;
  context.nullStream = in.nullStreamId;
  context.parentContext = in.parentContextId;
  context.isGreen = in.isGreenContext;
  context.multiprocessors = in.isGreenContext ? in.numMultiprocessors : 0;
}

void ActivityDecoder::addDevice(const CUpti_Activity* record, size_t bytes, RecordBuffer& out) {
  CUpti_ActivityDevice5 in;
  if (!take(record, bytes, kDeviceBytes, in)) return;
  const uint32_t name = textId(in.name, out);
  auto& device = out.add<recorder::DeviceRecord>(RecordKind::kDevice);
  device.device = in.id;
  device.nameId = name;
  device.memoryBytes = in.globalMemorySize;
  device.bandwidthKBps = in.globalMemoryBandwidth;
  device.multiprocessors = in.numMultiprocessors;
  device.clockKHz = in.coreClockRate;
  device.computeMajor = in.computeCapabilityMajor;
  device.computeMinor = in.computeCapabilityMinor;
  std::memcpy(device.uuid, &in.uuid, sizeof device.uuid);
}

void ActivityDecoder::addStream(const CUpti_Activity* record, size_t bytes, RecordBuffer& out) {
  CUpti_ActivityStream in;
  if (!take(record, bytes, kStreamBytes, in)) return;
  auto& stream = out.add<recorder::StreamRecord>(RecordKind::kStream);
  stream.context = in.contextId;
  stream.stream = in.streamId;
  stream.priority = in.priority;
  stream.flag = static_cast<uint32_t>(in.flag);
}

}  // namespace caracal::profiler
