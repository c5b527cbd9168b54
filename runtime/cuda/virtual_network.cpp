#include "runtime/cuda/virtual_network.h"

namespace caracal::cuda {

Result<std::unique_ptr<VirtualNetwork>> VirtualNetwork::make(const LinkContext& context,
                                                             const profile::ParallelShape& parallel,
                                                             const comm::LinkSpeeds& speeds) {
  auto network = std::unique_ptr<VirtualNetwork>(new VirtualNetwork(parallel));
  const int32_t replica = parallel.tensor;
  const int32_t stage = parallel.tensor * parallel.data;  // in ranks
  // `count` groups of `members` ranks each, `stride` apart, from rank firstOf(group).
  const auto addGroups = [&](auto& groups, const char* name, int32_t count, int32_t members,
                             int32_t stride, comm::Link link, auto firstOf) -> Result<void> {
    for (int32_t i = 0; i < count && members > 1; ++i) {
      comm::Group group{name, {}};
      for (int32_t m = 0; m < members; ++m) group.ranks.push_back(firstOf(i) + m * stride);
      CARACAL_TRY(made, VirtualGroup::make(context, group, link));
      groups.push_back(std::move(made));
    }
    return {};
  };
  CARACAL_CHECK_OK(addGroups(network->m_tensorGroups, "tensor-parallel",
                             parallel.pipeline * parallel.data, parallel.tensor, 1, speeds.tensor,
                             [&](int32_t i) { return i * replica; }));
  CARACAL_CHECK_OK(addGroups(
      network->m_dataGroups, "data-parallel", parallel.pipeline * parallel.tensor, parallel.data,
      replica, speeds.data, [&](int32_t i) { return i / replica * stage + i % replica; }));
  for (int32_t i = 0; i < parallel.pipeline * parallel.pipeline * stage; ++i) {
    const int32_t from = i / stage / parallel.pipeline;
    network->m_channels.emplace_back();
    if (from == i / stage % parallel.pipeline) continue;  // to itself
    CARACAL_TRY(channel, VirtualChannel::make(context, from * stage + i % stage, speeds.pipeline));
    network->m_channels.back() = std::move(channel);
  }
  return network;
}

size_t VirtualNetwork::channelIndex(int32_t from, int32_t to,
                                    const comm::Position& position) const {
  const int32_t pair = from * m_parallel.pipeline + to;
  const int32_t replica = pair * m_parallel.data + position.data;
  const int32_t index = replica * m_parallel.tensor + position.tensor;
  return static_cast<size_t>(index);
}

DeviceLinks VirtualNetwork::linksOf(const comm::Position& position) const {
  DeviceLinks links;
  if (!m_tensorGroups.empty()) {
    const int32_t group = position.stage * m_parallel.data + position.data;
    links.tensor = m_tensorGroups[static_cast<size_t>(group)].get();
  }
  if (!m_dataGroups.empty()) {
    const int32_t group = position.stage * m_parallel.tensor + position.tensor;
    links.data = m_dataGroups[static_cast<size_t>(group)].get();
  }
  for (int32_t other = 0; other < m_parallel.pipeline; ++other) {
    links.to.push_back(m_channels[channelIndex(position.stage, other, position)].get());
    links.from.push_back(m_channels[channelIndex(other, position.stage, position)].get());
  }
  return links;
}

}  // namespace caracal::cuda
