// All-reduce, reduce-scatter and all-gather between the ranks of one group, over one emulated link:
// a tensor-parallel group's activations, a data-parallel group's gradients and parameters.
//
// Members call in the same order (as with NCCL, the n-th call of each member is one collective).
// Sums are taken in member order, so they are the same for every member and on every run, and a
// reduce-scatter gives the bits of the all-reduce. Transfers of a group follow one another on the
// link.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "core/base/result.h"
#include "runtime/comm/link.h"
#include "runtime/comm/monitor.h"
#include "runtime/comm/part.h"
#include "runtime/comm/wire.h"

namespace caracal::comm {

// When a transfer had the link.
struct Transfer {
  int64_t beginNs = 0;  // the last member had entered and the link was free
  int64_t endNs = 0;
};

// Who meets in a group, and what messages call its link.
struct Group {
  std::string name;            // "tensor-parallel"
  std::vector<int32_t> ranks;  // by member
  int32_t members() const { return static_cast<int32_t>(ranks.size()); }
};

// Where a process finds the others: no wire when all ranks are its threads.
struct Outlet {
  Wire* wire = nullptr;
  uint32_t port = 0;
};

class ReduceGroup {
 public:
  ReduceGroup(Monitor& monitor, Group group, Link link, Outlet outlet = {});
  ReduceGroup(const ReduceGroup&) = delete;
  ReduceGroup& operator=(const ReduceGroup&) = delete;

  int32_t members() const { return m_group.members(); }

  // Hands in a member's values, which are copied, at time `entryNs` of its clock: the whole tensor,
  // or, to gather, the member's part. Does not wait for the other members. Returns the number of
  // the collective, to collect it with.
  uint64_t enter(int32_t member, std::span<const float> values, int64_t entryNs,
                 Pattern pattern = Pattern::kAllReduce);

  // Blocks until every member has entered collective `number`, then writes the result: the sum, the
  // part of it that is the member's (kReduceScatter), or the gathered tensor. The transfer itself
  // is not waited for: that is for the member's clock to do, until Transfer::endNs. REQUIRES one
  // call per member of this process and number, and room for just the result.
  Result<Transfer> collect(uint64_t number, std::span<float> result, int32_t member = 0);

 private:
  struct Exchange {
    std::vector<std::vector<float>>
        values;                    // of each member; not written any more once all have entered
    std::vector<bool> hasEntered;  // by member
    int32_t entered = 0;
    int32_t collected = 0;
    int64_t lastEntryNs = 0;
    Pattern pattern = Pattern::kAllReduce;
    Transfer transfer;
  };
  Exchange takeSpare();
  uint64_t deposit(int32_t member, std::span<const float> values, int64_t entryNs, Pattern pattern);
  int64_t bytesOf(const Exchange& exchange) const;
  std::string missing(const Exchange& exchange, uint64_t number) const;

  Monitor& m_monitor;
  Group m_group;
  Link m_link;
  Outlet m_outlet;
  int32_t m_membersHere;  // whose threads are in this process
  // Guarded by m_monitor:
  std::vector<uint64_t> m_nextOfMember;
  std::map<uint64_t, Exchange> m_exchanges;  // nodes stay where they are while others come and go
  std::vector<Exchange> m_spares;            // finished ones, whose memory is used again
  int64_t m_linkFreeNs = 0;
};

}  // namespace caracal::comm
