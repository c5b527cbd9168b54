// Records of the recorder's log (log_format.h) that hold what CUPTI delivers: GPU work, the calls
// that asked for it, and what it ran on.
#pragma once

#include <cstdint>

#include "core/recorder/log_format.h"

namespace caracal::recorder {

struct KernelRecord {
  RecordHead head;
  int64_t startNs, endNs;
  uint32_t device, context, stream, correlation;
  uint32_t nameId, graphId;
  uint64_t graphNodeId;
  int32_t grid[3], block[3];
  uint32_t cluster[3];
  uint32_t registers;
  int32_t staticSharedBytes, dynamicSharedBytes;
  uint32_t localBytesPerThread;
  uint32_t reserved;
};

// srcDevice, dstDevice: kNoDevice unless it is a copy between devices.
inline constexpr uint32_t kNoDevice = 0xFFFFFFFF;
struct CopyRecord {
  RecordHead head;
  int64_t startNs, endNs;
  uint64_t bytes;
  uint32_t device, context, stream, correlation;
  uint32_t copyKind, srcKind, dstKind;  // CUPTI's numbers
  uint32_t srcDevice, dstDevice, graphId;
  uint64_t graphNodeId;
};

struct SetRecord {
  RecordHead head;
  int64_t startNs, endNs;
  uint64_t bytes;
  uint32_t device, context, stream, correlation;
  uint32_t value, memoryKind;
  uint64_t graphNodeId;
};

struct SynchronizationRecord {
  RecordHead head;
  int64_t startNs, endNs;
  uint32_t type;  // CUPTI's number
  uint32_t context, stream, correlation;
  uint32_t eventId;
  uint32_t reserved;
};

struct OverheadRecord {
  RecordHead head;
  int64_t startNs, endNs;
  uint32_t kind;  // CUPTI's number
  uint32_t threadId, correlation;
  uint32_t reserved;
};

enum class ApiClass : uint32_t { kRuntime = 0, kDriver = 1 };
struct ApiRecord {
  RecordHead head;
  int64_t startNs, endNs;
  ApiClass apiClass;
  uint32_t threadId, correlation, nameId;
  int32_t returnValue;
  uint32_t reserved;
};

struct ExternalCorrelationRecord {
  RecordHead head;
  uint64_t externalId;
  uint32_t externalKind, correlation;
};

// One launch of a whole CUDA graph.
struct GraphLaunchRecord {
  RecordHead head;
  int64_t startNs, endNs;
  uint32_t device, context, stream, correlation;
  uint32_t graphId;
  uint32_t reserved;
};

struct ContextRecord {
  RecordHead head;
  uint32_t context, device, nullStream;
  uint32_t parentContext, isGreen;  // 0 where CUPTI does not tell
  uint32_t multiprocessors;         // of a green context; 0 unknown
};

struct DeviceRecord {
  RecordHead head;
  uint32_t device, nameId;
  uint64_t memoryBytes;
  uint64_t bandwidthKBps;
  uint32_t multiprocessors, clockKHz;
  uint32_t computeMajor, computeMinor;
  uint8_t uuid[16];
};

struct StreamRecord {
  RecordHead head;
  uint32_t context, stream;
  uint32_t priority, flag;
};

}  // namespace caracal::recorder
