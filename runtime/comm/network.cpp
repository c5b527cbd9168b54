#include "runtime/comm/network.h"

namespace caracal::comm {

Network::Network(Monitor& monitor, const profile::ParallelShape& parallel, const LinkSpeeds& speeds,
                 Wire* wire)
    : m_parallel(parallel) {
  uint32_t port = kFirstPort;
  const auto ranksFrom = [](int32_t first, int32_t count, int32_t stride) {
    std::vector<int32_t> ranks;
    for (int32_t i = 0; i < count; ++i) ranks.push_back(first + i * stride);
    return ranks;
  };
  const int32_t replica = parallel.tensor, stage = parallel.tensor * parallel.data;  // in ranks
  for (int32_t i = 0; i < parallel.pipeline * parallel.data; ++i) {
    m_tensorGroups.push_back(std::make_unique<ReduceGroup>(
        monitor, Group{"tensor-parallel", ranksFrom(i * replica, parallel.tensor, 1)},
        speeds.tensor, Outlet{wire, port++}));
  }
  for (int32_t i = 0; i < parallel.pipeline * parallel.tensor; ++i) {
    const int32_t first = i / parallel.tensor * stage + i % parallel.tensor;
    m_dataGroups.push_back(std::make_unique<ReduceGroup>(
        monitor, Group{"data-parallel", ranksFrom(first, parallel.data, replica)}, speeds.data,
        Outlet{wire, port++}));
  }
  for (int32_t pair = 0; pair < parallel.pipeline * parallel.pipeline; ++pair) {
    for (int32_t column = 0; column < stage; ++column) {
      const Ends ends{pair / parallel.pipeline * stage + column,
                      pair % parallel.pipeline * stage + column};
      m_channels.push_back(
          std::make_unique<Channel>(monitor, ends, speeds.pipeline, Outlet{wire, port++}));
    }
  }
}

Channel* Network::channel(int32_t from, int32_t to, const Position& position) const {
  const int32_t pair = from * m_parallel.pipeline + to;
  const int32_t column = position.data * m_parallel.tensor + position.tensor;
  return m_channels[static_cast<size_t>(pair * m_parallel.data * m_parallel.tensor + column)].get();
}

RankLinks Network::linksOf(const Position& position) const {
  RankLinks links;
  if (m_parallel.tensor > 1) {
    links.tensor =
        m_tensorGroups[static_cast<size_t>(position.stage * m_parallel.data + position.data)].get();
  }
  if (m_parallel.data > 1) {
    links.data =
        m_dataGroups[static_cast<size_t>(position.stage * m_parallel.tensor + position.tensor)]
            .get();
  }
  for (int32_t other = 0; other < m_parallel.pipeline; ++other) {
    const bool own = other == position.stage;
    links.to.push_back(own ? nullptr : channel(position.stage, other, position));
    links.from.push_back(own ? nullptr : channel(other, position.stage, position));
  }
  return links;
}

}  // namespace caracal::comm
