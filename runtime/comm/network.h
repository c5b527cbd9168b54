// All emulated links of a run: one all-reduce group per tensor-parallel and per data-parallel
// group, a channel from every position of the pipeline to every other.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "runtime/comm/channel.h"
#include "runtime/comm/layout.h"
#include "runtime/comm/monitor.h"
#include "runtime/comm/reduce_group.h"

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
  // By position in the pipeline; nullptr for the rank's own.
  std::vector<Channel*> to, from;
};

class Network {
 public:
  // `wire`: to the processes of the other ranks; nullptr when all ranks are threads of this one.
  // Takes the wire's ports from kFirstPort on.
  Network(Monitor& monitor, const profile::ParallelShape& parallel, const LinkSpeeds& speeds,
          Wire* wire = nullptr);
  static constexpr uint32_t kFirstPort = 2;
  RankLinks linksOf(const Position& position) const;

 private:
  Channel* channel(int32_t from, int32_t to, const Position& position) const;

  profile::ParallelShape m_parallel;
  std::vector<std::unique_ptr<ReduceGroup>> m_tensorGroups;  // (stage, data)
  std::vector<std::unique_ptr<ReduceGroup>> m_dataGroups;    // (stage, tensor)
  std::vector<std::unique_ptr<Channel>> m_channels;          // (from, to, data, tensor)
};

}  // namespace caracal::comm
