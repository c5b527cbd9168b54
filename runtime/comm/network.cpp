#include "runtime/comm/network.h"

namespace caracal::comm {

Network::Network(Monitor& monitor, const profile::ParallelShape& parallel, const LinkSpeeds& speeds)
    : m_parallel(parallel) {
  for (int32_t i = 0; i < parallel.pipeline * parallel.data; ++i) {
    m_tensorGroups.push_back(
        std::make_unique<ReduceGroup>(monitor, parallel.tensor, speeds.tensor));
  }
  for (int32_t i = 0; i < parallel.pipeline * parallel.tensor; ++i) {
    m_dataGroups.push_back(std::make_unique<ReduceGroup>(monitor, parallel.data, speeds.data));
  }
  const int32_t pairs = parallel.pipeline * parallel.pipeline;
  for (int32_t i = 0; i < pairs * parallel.data * parallel.tensor; ++i)
    m_channels.push_back(std::make_unique<Channel>(monitor, speeds.pipeline));
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
