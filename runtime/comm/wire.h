// Carries what ranks give each other to ranks in other processes.
//
// Groups, channels and the step barrier exist once in every process that has a rank of theirs (a
// port each, numbered alike everywhere), and what a rank hands in is handed in again in each of the
// others. So each process comes to the same sums and the same transfer times as if all ranks were
// its threads.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "core/base/result.h"

namespace caracal::comm {

using Bytes = std::vector<std::byte>;

struct Parcel {
  uint32_t port = 0;
  std::array<int64_t, 6> head{};  // what it means is the port's business
  std::span<const std::byte> body;
};

class Wire {
 public:
  virtual ~Wire() = default;

  virtual int32_t rank() const = 0;  // the one rank of this process

  // `receiver` gets the parcels of a port, in the order each rank sent them, on the wire's thread.
  // REQUIRES that nothing has been received yet.
  using Receiver = std::function<void(int32_t from, const Parcel& parcel)>;
  virtual void listen(uint32_t port, Receiver receiver) = 0;

  // Blocks until the parcel is on its way. A rank that is gone, or takes nothing, is made known
  // through the wire's owner, and the parcel is dropped. Any thread may call.
  virtual void post(int32_t to, const Parcel& parcel) = 0;

 protected:
  Wire() = default;
  Wire(const Wire&) = default;
  Wire& operator=(const Wire&) = default;
};

}  // namespace caracal::comm
