// All emulated links of a run: one all-reduce group per tensor-parallel and per data-parallel
// group, two channels between every two neighbouring stages.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "runtime/comm/all_reduce.h"
#include "runtime/comm/channel.h"
#include "runtime/comm/layout.h"
#include "runtime/comm/monitor.h"

namespace caracal::comm {

struct LinkSpeeds {
  Link tensor{200'000, 400e6};  // latency in ns, bytes per second
  Link pipeline{200'000, 400e6};
  Link data{200'000, 400e6};
};

// What one rank is connected to; nullptr where there is nobody. Owned by the Network.
struct RankLinks {
  ReduceGroup* tensor = nullptr;
  ReduceGroup* data = nullptr;
  Channel* activationsFromPrevious = nullptr;
  Channel* activationsToNext = nullptr;
  Channel* gradientsFromNext = nullptr;
  Channel* gradientsToPrevious = nullptr;
};

class Network {
 public:
  Network(Monitor& monitor, const profile::ParallelShape& parallel, const LinkSpeeds& speeds);
  RankLinks linksOf(const Position& position) const;

 private:
  size_t column(const Position& position) const;

  profile::ParallelShape m_parallel;
  std::vector<std::unique_ptr<ReduceGroup>> m_tensorGroups;  // (stage, data)
  std::vector<std::unique_ptr<ReduceGroup>> m_dataGroups;    // (stage, tensor)
  std::vector<std::unique_ptr<Channel>> m_forward;   // (stage, data, tensor): to the next stage
  std::vector<std::unique_ptr<Channel>> m_backward;  // likewise: from the next stage
};

}  // namespace caracal::comm
