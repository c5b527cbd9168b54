// Small GPU traces by hand: ranks with host threads and any number of streams.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "core/trace/trace_builder.h"

namespace caracal::analysis::fixture {

class GpuRank {
 public:
  GpuRank(trace::TraceBuilder& builder, int32_t number, std::string file = "")
      : m_builder(builder),
        m_rank(builder.addRank({.rank = number, .device = number, .file = std::move(file)})),
        m_process(1000 + number) {
    onThread(1);
  }

  // Host events that follow are this thread's.
  void onThread(int64_t id, std::string label = "") {
    const auto [found, isNew] = m_threads.try_emplace(id, 0);
    if (isNew) {
      found->second = m_builder.addTrack({.kind = trace::TrackKind::kCpuThread,
                                          .rank = m_rank,
                                          .process = m_process,
                                          .id = id,
                                          .label = std::move(label)});
    }
    m_host = found->second;
  }

  uint32_t index() const { return m_rank; }

  void annotation(std::string_view name, int64_t beginNs, int64_t endNs) {
    host(trace::EventKind::kAnnotation, name, beginNs, endNs);
  }
  trace::EventIndex host(trace::EventKind kind, std::string_view name, int64_t beginNs,
                         int64_t endNs) {
    return m_builder.add({m_host, kind, m_builder.intern(name), beginNs, endNs - beginNs});
  }
  // Work without a recorded launch.
  trace::EventIndex work(int64_t stream, std::string_view name, int64_t beginNs, int64_t endNs,
                         const trace::EventArgs& args = {},
                         trace::EventKind kind = trace::EventKind::kKernel) {
    return m_builder.add(
        {streamTrack(stream), kind, m_builder.intern(name), beginNs, endNs - beginNs}, args);
  }
  // Work launched by a host call that takes `callNs`.
  trace::EventIndex launched(int64_t launchNs, int64_t callNs, int64_t stream,
                             std::string_view name, int64_t beginNs, int64_t endNs,
                             const trace::EventArgs& args = {}) {
    const uint64_t correlation = ++m_correlation;
    m_builder.add({m_host, trace::EventKind::kRuntime, m_builder.intern("cudaLaunchKernel"),
                   launchNs, callNs, correlation});
    return m_builder.add({streamTrack(stream), trace::EventKind::kKernel, m_builder.intern(name),
                          beginNs, endNs - beginNs, correlation},
                         args);
  }

 private:
  trace::TrackIndex streamTrack(int64_t stream) {
    const auto [found, isNew] = m_streams.try_emplace(stream, 0);
    if (isNew) {
      found->second = m_builder.addTrack({.kind = trace::TrackKind::kGpuStream,
                                          .rank = m_rank,
                                          .device = m_builder.rank(m_rank).device,
                                          .process = m_process,
                                          .id = stream});
    }
    return found->second;
  }

  trace::TraceBuilder& m_builder;
  uint32_t m_rank = 0;
  int64_t m_process = 0;
  trace::TrackIndex m_host = 0;
  uint64_t m_correlation = 0;
  std::map<int64_t, trace::TrackIndex> m_streams, m_threads;
};

inline constexpr std::string_view kAllReduceKernel = "ncclDevKernel_AllReduce_Sum_f16_RING_LL";

}  // namespace caracal::analysis::fixture
