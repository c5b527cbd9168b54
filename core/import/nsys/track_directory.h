// Ranks and tracks of one file, made as rows are met. A rank is one (process, device) with GPU
// work; `deviceId` alone says nothing, it counts from 0 in every process. GPU tables are read
// first, so that host rows find the rank of their process.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "core/trace/trace_builder.h"

namespace caracal::import::nsys {

// Processes are named by their globalPid: hardware, VM and process id.
using ProcessKey = int64_t;
inline constexpr ProcessKey kUnknownProcess = -1;
constexpr ProcessKey processOf(int64_t globalTid) {
  return globalTid & ~int64_t{0xFFFFFF};
}
constexpr int64_t pidOf(int64_t global) {
  return (global >> 24) & 0xFFFFFF;
}
constexpr int64_t tidOf(int64_t globalTid) {
  return globalTid & 0xFFFFFF;
}

struct StreamKey {
  ProcessKey process = kUnknownProcess;
  int32_t device = 0;
  int64_t context = 0;
  int64_t stream = 0;
  auto operator<=>(const StreamKey&) const = default;
};

class TrackDirectory {
 public:
  TrackDirectory(trace::TraceBuilder& builder, std::string file)
      : m_builder(builder), m_file(std::move(file)) {}

  // The track of a stream with GPU work; makes the rank.
  trace::TrackIndex stream(const StreamKey& key);
  // The track of a stream as synchronization and event rows name it: their deviceId is not reliable
  // (always 0 in some exports), their context is.
  trace::TrackIndex streamByContext(const StreamKey& key);
  // The rank of a process's threads; makes one without a device when the process has no GPU work.
  uint32_t hostRank(ProcessKey process);
  // From here on `globalTid` belongs to that rank, whatever its process (recordings: a thread is a
  // rank).
  void assignThread(int64_t globalTid, uint32_t rank) { m_rankOfThread[globalTid] = rank; }
  uint32_t rankOfThread(int64_t globalTid);
  trace::TrackIndex thread(int64_t globalTid);
  // A second lane of a thread, for ranges that do not nest with its others; labelled by label().
  trace::TrackIndex threadLane(int64_t globalTid, const std::string& lane);
  trace::TrackIndex lane(uint32_t rank, trace::TrackKind kind, const std::string& label);

  // Labels the streams of a context "stream N (text)".
  void nameContext(ProcessKey process, int64_t context, const std::string& text);
  void nameThread(int64_t globalTid, const std::string& name) { m_threadNames[globalTid] = name; }
  const std::map<int64_t, trace::TrackIndex>& threads() const { return m_threads; }
  // The file's (process, device) pairs with their ranks.
  const std::map<std::pair<ProcessKey, int32_t>, uint32_t>& devices() const { return m_devices; }

  // Labels threads, and puts the ranks in order of device, then process. Call once, last: rank
  // indices change.
  void finish();

 private:
  std::optional<uint32_t> rankAcrossTables(ProcessKey process, int32_t device) const;
  uint32_t rankOfDevice(ProcessKey process, int32_t device);
  trace::TrackIndex addStream(uint32_t rank, const StreamKey& key);
  trace::TrackIndex addThreadTrack(int64_t globalTid);
  std::string threadLabel(int64_t globalTid) const;
  void labelThreads();
  void setHostRanks();

  trace::TraceBuilder& m_builder;
  std::string m_file;
  std::map<std::pair<ProcessKey, int32_t>, uint32_t> m_devices;
  std::map<ProcessKey, uint32_t> m_hostOnly;
  std::map<StreamKey, trace::TrackIndex> m_streams;
  std::map<std::pair<ProcessKey, int64_t>, int32_t> m_deviceOfContext;
  std::map<int64_t, uint32_t> m_rankOfThread;
  std::map<int64_t, trace::TrackIndex> m_threads;
  std::map<std::pair<int64_t, std::string>, trace::TrackIndex> m_threadLanes;
  std::map<std::tuple<uint32_t, std::string>, trace::TrackIndex> m_lanes;
  std::map<int64_t, std::string> m_threadNames;
  // Neighbouring rows mostly share a track.
  StreamKey m_lastStreamKey{.device = -1};
  trace::TrackIndex m_lastStream = trace::kNoIndex;
  int64_t m_lastTid = -1;
  trace::TrackIndex m_lastThread = trace::kNoIndex;
};

}  // namespace caracal::import::nsys
