// What the processes of a run tell each other beside NCCL, over the wire between them: NCCL's
// identifier, which messages of the pipeline are on their way, and how far each rank has come in
// each of its groups. State is guarded by the monitor; any thread may call.
#pragma once

#include <deque>
#include <map>
#include <utility>

#include "runtime/comm/channel.h"
#include "runtime/comm/monitor.h"
#include "runtime/comm/wire.h"
#include "runtime/cuda/nccl_api.h"

namespace caracal::cuda {

class NcclMailbox {
 public:
  // REQUIRES that nothing has been received yet. Both outlive the use of the mailbox.
  void connect(comm::Wire& wire, comm::Monitor& monitor);

  // Rank 0 tells all others; they wait for it.
  void tellId(const nccl::UniqueId& id, int32_t ranks);
  Result<nccl::UniqueId> awaitId();

  // A message that `from` has put on its stream to this rank. In the order of their sending.
  struct Announcement {
    comm::MessageKey key;
    int64_t bytes = 0;
  };
  void announce(int32_t to, const Announcement& message);
  Result<Announcement> nextFrom(int32_t from);

  // Operations of a group that the GPU of a rank has begun.
  void tellBegun(int32_t to, int32_t group, int64_t operations);
  int64_t begunBy(int32_t rank, int32_t group);

 private:
  enum class Letter : int64_t { kId, kMessage, kBegun };
  void receive(int32_t from, const comm::Parcel& parcel);

  comm::Wire* m_wire = nullptr;
  comm::Monitor* m_monitor = nullptr;
  // Guarded by the monitor:
  std::optional<nccl::UniqueId> m_id;
  std::map<int32_t, std::deque<Announcement>> m_announced;  // by sender
  std::map<std::pair<int32_t, int32_t>, int64_t> m_begun;   // by rank and group
};

}  // namespace caracal::cuda
