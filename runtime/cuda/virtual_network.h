// All links between the virtual ranks of a run, laid out as comm::Network lays out the CPU's.
#pragma once

#include "runtime/comm/layout.h"
#include "runtime/comm/network.h"
#include "runtime/cuda/virtual_links.h"

namespace caracal::cuda {

class VirtualNetwork {
 public:
  static Result<std::unique_ptr<VirtualNetwork>> make(const LinkContext& context,
                                                      const profile::ParallelShape& parallel,
                                                      const comm::LinkSpeeds& speeds);
  DeviceLinks linksOf(const comm::Position& position) const;

 private:
  explicit VirtualNetwork(const profile::ParallelShape& parallel) : m_parallel(parallel) {}
  size_t channelIndex(int32_t from, int32_t to, const comm::Position& position) const;

  profile::ParallelShape m_parallel;
  std::vector<std::unique_ptr<VirtualGroup>> m_tensorGroups;  // (stage, data)
  std::vector<std::unique_ptr<VirtualGroup>> m_dataGroups;    // (stage, tensor)
  std::vector<std::unique_ptr<VirtualChannel>> m_channels;    // (from, to, data, tensor)
};

}  // namespace caracal::cuda
