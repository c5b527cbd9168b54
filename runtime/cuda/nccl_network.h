// All links of one rank with those in other processes: a communicator of all ranks, and by
// ncclCommSplit one for the tensor-parallel group, one for the data-parallel group, and one for
// each direction between neighbours in the ring of pipeline positions, so that no transfer waits
// behind another. Every rank makes the same splits in the same order.
#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "runtime/cuda/nccl_links.h"
#include "runtime/executor/training_device.h"

namespace caracal::cuda {

class NcclNetwork final {
 public:
  struct Resources {
    const nccl::Api* api = nullptr;
    EventPool* events = nullptr;
    NcclMailbox* mailbox = nullptr;
    comm::Monitor* monitor = nullptr;
    int32_t device = 0;    // current on the calling thread
    int32_t mostCtas = 0;  // that an operation may occupy; 0: NCCL chooses
  };
  static Result<std::unique_ptr<NcclNetwork>> make(const Resources& resources,
                                                   const comm::Position& position,
                                                   const profile::ParallelShape& parallel);
  // Together with all other ranks where all went well; else, and when they do not come within a few
  // seconds, by aborting.
  ~NcclNetwork();
  NcclNetwork(const NcclNetwork&) = delete;
  NcclNetwork& operator=(const NcclNetwork&) = delete;

  DeviceLinks links() const;

 private:
  NcclNetwork(const Resources& resources, const comm::Position& position,
              const profile::ParallelShape& parallel);
  Result<void> join();
  Result<void> makeGroups();
  Result<void> makeChannels();
  Result<std::unique_ptr<NcclCommunicator>> split(comm::Group group, int color, int key);
  int32_t rankAt(int32_t stage) const;  // of this rank's place in another stage
  std::vector<NcclCommunicator*> communicators() const;

  Resources m_resources;
  comm::Position m_position;
  profile::ParallelShape m_parallel;
  std::unique_ptr<NcclWatch> m_watch;
  NcclContext m_context;
  int32_t m_splits = 0;
  std::unique_ptr<NcclCommunicator> m_world;
  std::unique_ptr<NcclGroup> m_tensor, m_data;
  std::vector<std::unique_ptr<NcclSender>> m_to;      // by position; nullptr: no neighbour
  std::vector<std::unique_ptr<NcclReceiver>> m_from;  // likewise
};

// Directions between neighbours in a ring of `positions`, in rounds in which nobody is twice.
using Direction = std::pair<int32_t, int32_t>;  // from, to
std::vector<std::vector<Direction>> ringRounds(int32_t positions);

}  // namespace caracal::cuda
