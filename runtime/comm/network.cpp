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
  for (int32_t i = 0; i < (parallel.pipeline - 1) * parallel.data * parallel.tensor; ++i) {
    m_forward.push_back(std::make_unique<Channel>(monitor, speeds.pipeline));
    m_backward.push_back(std::make_unique<Channel>(monitor, speeds.pipeline));
  }
}

size_t Network::column(const Position& position) const {
  return static_cast<size_t>(position.data * m_parallel.tensor + position.tensor);
}

RankLinks Network::linksOf(const Position& position) const {
  RankLinks links;
  const auto stage = static_cast<size_t>(position.stage);
  const auto width = static_cast<size_t>(m_parallel.data * m_parallel.tensor);
  if (m_parallel.tensor > 1) {
    links.tensor =
        m_tensorGroups[static_cast<size_t>(position.stage * m_parallel.data + position.data)].get();
  }
  if (m_parallel.data > 1) {
    links.data =
        m_dataGroups[static_cast<size_t>(position.stage * m_parallel.tensor + position.tensor)]
            .get();
  }
  if (position.stage > 0) {
    links.activationsFromPrevious = m_forward[(stage - 1) * width + column(position)].get();
    links.gradientsToPrevious = m_backward[(stage - 1) * width + column(position)].get();
  }
  if (position.stage + 1 < m_parallel.pipeline) {
    links.activationsToNext = m_forward[stage * width + column(position)].get();
    links.gradientsFromNext = m_backward[stage * width + column(position)].get();
  }
  return links;
}

}  // namespace caracal::comm
