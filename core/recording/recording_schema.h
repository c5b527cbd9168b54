// The tables of a recording, and the numbers that stand for kinds and passes in them. Shared by the
// writer and by tests; docs/recording-format.md is the page for readers.
#pragma once

#include <cstdint>
#include <string>

#include "core/trace/trace.h"

namespace caracal::recording {

// SQL that creates every table of an empty recording and fills the ENUM_* tables.
std::string schemaSql();

// CARACAL_CPU_OP.kind; these numbers are the file format and never change.
inline constexpr int64_t kKindCompute = 0;
inline constexpr int64_t kKindRecompute = 1;
inline constexpr int64_t kKindComm = 2;
inline constexpr int64_t kKindCopy = 3;

// NVTX_EVENTS.eventType, as Nsight Systems writes it.
inline constexpr int64_t kNvtxPushPopRange = 59;
inline constexpr int64_t kNvtxDomainCreate = 75;
// The only NVTX domain of a recording; 0 is the default domain, which stays empty.
inline constexpr int64_t kCaracalDomainId = 1;
inline constexpr const char* kCaracalDomain = "caracal";

// Nsight Systems' packing: 24 bits of process id above 24 bits of thread id, hardware and VM id 0.
constexpr int64_t globalPid(int64_t pid) {
  return (pid & 0xFFFFFF) << 24;
}
constexpr int64_t globalTid(int64_t pid, int64_t tid) {
  return globalPid(pid) | (tid & 0xFFFFFF);
}

}  // namespace caracal::recording
