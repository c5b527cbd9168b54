// What GPU work ran on: contexts, devices and streams, of CUPTI's records.
#include <cstddef>
#include <cstring>

#include "profiler/activity_decoder.h"

namespace caracal::profiler {
namespace {

using recorder::RecordKind;

// What the oldest version that is read, CUDA 12.0's, ends with. Fields behind it are 0 where a
// version lacks them.
#define CARACAL_BYTES_TO(Struct, lastField) \
  (offsetof(Struct, lastField) + sizeof(Struct::lastField))
constexpr size_t kContextBytes = CARACAL_BYTES_TO(CUpti_ActivityContext3, nullStreamId);
constexpr size_t kDeviceBytes = CARACAL_BYTES_TO(CUpti_ActivityDevice5, name);
constexpr size_t kStreamBytes = CARACAL_BYTES_TO(CUpti_ActivityStream, flag);
#undef CARACAL_BYTES_TO

// The older structs of cupti_activity_deprecated.h lie under the newest ones.
static_assert(offsetof(CUpti_ActivityContext, nullStreamId) ==
              offsetof(CUpti_ActivityContext3, nullStreamId));
static_assert(offsetof(CUpti_ActivityDevice4, name) == offsetof(CUpti_ActivityDevice5, name));

}  // namespace

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
