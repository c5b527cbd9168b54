// Collectives between virtual ranks, whose memory is on one device, and links of a stated speed.
#pragma once

#include "runtime/cuda/kernels/queue.h"

namespace caracal::cuda {

inline constexpr int kMostMembers = 16;

template <class T>
struct Members {
  const T* in[kMostMembers] = {};
  T* out[kMostMembers] = {};  // may be the same as `in`
  int32_t count = 0;
};

// out of every member = sum of all members' `in`, added in fp32 in member order, the same bits for
// all and on every run. `ctas` blocks do the work.
template <class T>
void sumMembers(Queue& queue, const Members<T>& members, int64_t count, int32_t ctas);
// A part of `part` numbers of each member, in member order, into `out` of every member; `in` may be
// the member's own part of its `out`.
template <class T>
void gatherMembers(Queue& queue, const Members<T>& members, int64_t part, int32_t ctas);
// The sums of sumMembers(), `part` of them for each member: member m has those from m * part on;
// `out` may be that part of its `in`.
template <class T>
void scatterSums(Queue& queue, const Members<T>& members, int64_t part, int32_t ctas);

// Writes the device's clock to *stamp.
void stampClock(Queue& queue, uint64_t* stamp);
// Occupies the stream until `ns` after *stamp, with `ctas` blocks of one warp.
void holdUntil(Queue& queue, const uint64_t* stamp, int64_t ns, int32_t ctas);

}  // namespace caracal::cuda
