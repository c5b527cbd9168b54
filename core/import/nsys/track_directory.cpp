#include "core/import/nsys/track_directory.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <optional>

namespace caracal::import::nsys {

using trace::kNoIndex;
using trace::Rank;
using trace::TrackIndex;
using trace::TrackKind;

namespace {

// CUPTI's "no stream": a wait for a whole context.
constexpr int64_t kNoStream = 0xFFFFFFFF;

std::string processName(ProcessKey process) {
  return process == kUnknownProcess ? "pidNone" : fmt::format("pid{}", pidOf(process));
}

}  // namespace

// One table names its processes, another does not: with one process on that device both mean it.
std::optional<uint32_t> TrackDirectory::rankAcrossTables(ProcessKey process, int32_t device) const {
  std::optional<uint32_t> only;
  for (const auto& [other, rank] : m_devices) {
    if (other.second != device) continue;
    const bool bothKnown = process != kUnknownProcess && other.first != kUnknownProcess;
    if (only || bothKnown) return std::nullopt;
    only = rank;
  }
  return only;
}

uint32_t TrackDirectory::rankOfDevice(ProcessKey process, int32_t device) {
  const auto known = m_devices.find({process, device});
  if (known != m_devices.end()) return known->second;
  const std::optional<uint32_t> shared = rankAcrossTables(process, device);
  const auto [found, isNew] = m_devices.try_emplace({process, device}, shared.value_or(0));
  if (isNew && !shared) {
    found->second =
        m_builder.addRank({.rank = -1,
                           .device = device,
                           .deviceKey = fmt::format("{}/dev{}", processName(process), device),
                           .file = m_file,
                           .foundBy = "order of device and process"});
  }
  return found->second;
}

TrackIndex TrackDirectory::addStream(uint32_t rank, const StreamKey& key) {
  const auto [found, isNew] = m_streams.try_emplace(key, kNoIndex);
  if (isNew) {
    std::string label = key.stream < 0 || key.stream == kNoStream
                            ? "no stream"
                            : fmt::format("stream {}", key.stream);
    if (key.context > 1) label += fmt::format(" (context {})", key.context);
    found->second = m_builder.addTrack({.kind = TrackKind::kGpuStream,
                                        .rank = rank,
                                        .device = key.device,
                                        .process = key.process,
                                        .id = key.stream,
                                        .label = std::move(label)});
  }
  return found->second;
}

TrackIndex TrackDirectory::stream(const StreamKey& key) {
  if (key == m_lastStreamKey && m_lastStream != kNoIndex) return m_lastStream;
  m_deviceOfContext.try_emplace({key.process, key.context}, key.device);
  m_lastStreamKey = key;
  m_lastStream = addStream(rankOfDevice(key.process, key.device), key);
  return m_lastStream;
}

TrackIndex TrackDirectory::streamByContext(const StreamKey& key) {
  StreamKey real = key;
  const auto device = m_deviceOfContext.find({key.process, key.context});
  if (device != m_deviceOfContext.end()) {
    real.device = device->second;
    return addStream(rankOfDevice(real.process, real.device), real);
  }
  const uint32_t rank = hostRank(key.process);
  if (m_builder.rank(rank).device >= 0) real.device = m_builder.rank(rank).device;
  return addStream(rank, real);
}

uint32_t TrackDirectory::hostRank(ProcessKey process) {
  // Ordered by process, then device: the first is the process's lowest device.
  const auto device = m_devices.lower_bound({process, std::numeric_limits<int32_t>::min()});
  if (device != m_devices.end() && device->first.first == process) return device->second;
  // GPU rows that do not name their process can only belong to the file's one process.
  if (!m_devices.empty() && m_devices.begin()->first.first == kUnknownProcess)
    return m_devices.begin()->second;
  const auto [found, isNew] = m_hostOnly.try_emplace(process, 0);
  if (isNew) {
    found->second = m_builder.addRank({.rank = -1,
                                       .deviceKey = processName(process),
                                       .file = m_file,
                                       .foundBy = "order of device and process"});
  }
  return found->second;
}

uint32_t TrackDirectory::rankOfThread(int64_t globalTid) {
  if (globalTid == m_lastTid && m_lastThread != kNoIndex) return m_builder.track(m_lastThread).rank;
  const auto found = m_rankOfThread.find(globalTid);
  if (found != m_rankOfThread.end()) return found->second;
  const uint32_t rank = hostRank(processOf(globalTid));
  m_rankOfThread.emplace(globalTid, rank);
  return rank;
}

TrackIndex TrackDirectory::addThreadTrack(int64_t globalTid) {
  return m_builder.addTrack({.kind = TrackKind::kCpuThread,
                             .rank = rankOfThread(globalTid),
                             .process = processOf(globalTid),
                             .id = tidOf(globalTid)});
}

TrackIndex TrackDirectory::thread(int64_t globalTid) {
  if (globalTid == m_lastTid && m_lastThread != kNoIndex) return m_lastThread;
  const auto [found, isNew] = m_threads.try_emplace(globalTid, kNoIndex);
  if (isNew) found->second = addThreadTrack(globalTid);
  m_lastTid = globalTid;
  m_lastThread = found->second;
  return m_lastThread;
}

TrackIndex TrackDirectory::threadLane(int64_t globalTid, const std::string& lane) {
  const auto [found, isNew] = m_threadLanes.try_emplace({globalTid, lane}, kNoIndex);
  if (isNew) found->second = addThreadTrack(globalTid);
  return found->second;
}

TrackIndex TrackDirectory::lane(uint32_t rank, TrackKind kind, const std::string& label) {
  const auto [found, isNew] = m_lanes.try_emplace({rank, label}, kNoIndex);
  if (isNew) found->second = m_builder.addTrack({.kind = kind, .rank = rank, .label = label});
  return found->second;
}

std::string TrackDirectory::threadLabel(int64_t globalTid) const {
  std::string label = fmt::format("thread {}", tidOf(globalTid));
  const auto name = m_threadNames.find(globalTid);
  if (name != m_threadNames.end()) label += " (" + name->second + ")";
  return label;
}

void TrackDirectory::nameContext(ProcessKey process, int64_t context, const std::string& text) {
  for (const auto& [key, track] : m_streams) {
    if (key.process == process && key.context == context)
      m_builder.track(track).label = fmt::format("stream {} ({})", key.stream, text);
  }
}

void TrackDirectory::labelThreads() {
  for (const auto& [globalTid, track] : m_threads)
    m_builder.track(track).label = threadLabel(globalTid);
  for (const auto& [key, track] : m_threadLanes) {
    m_builder.track(track).label = threadLabel(key.first) + " " + key.second;
  }
}

void TrackDirectory::setHostRanks() {
  for (const auto& [device, rank] : m_devices) {
    const uint32_t host = hostRank(device.first);
    if (host != rank) m_builder.rank(rank).hostRank = host;
  }
}

void TrackDirectory::finish() {
  labelThreads();
  setHostRanks();
  std::map<uint32_t, ProcessKey> processes;
  for (const auto& [device, rank] : m_devices) processes[rank] = device.first;
  for (const auto& [process, rank] : m_hostOnly) processes[rank] = process;
  std::vector<uint32_t> order(m_builder.rankCount());
  std::iota(order.begin(), order.end(), 0u);
  // Ranks that say their number (recordings) come in its order, processes without a device last.
  const auto key = [&](uint32_t r) {
    const Rank& rank = m_builder.rank(r);
    return std::make_tuple(rank.rank, rank.device < 0, rank.device, processes[r]);
  };
  std::stable_sort(order.begin(), order.end(),
                   [&](uint32_t a, uint32_t b) { return key(a) < key(b); });
  m_builder.reorderRanks(order);
}

}  // namespace caracal::import::nsys
