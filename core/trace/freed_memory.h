// What was freed goes back to the system. The allocator keeps pieces of some MB for itself: a
// process that turns many of them into one large run would grow to twice the run's size.
#pragma once

#include <cstddef>

#if defined(__GLIBC__)
#include <malloc.h>
#endif

namespace caracal::trace {

// Does nothing where there is little to give: the next one who asks would only have to be given it
// again.
inline void giveBackFreedMemory() {
#if defined(__GLIBC__)
  constexpr size_t kLeastWorthIt = 1 << 20;
  if (::mallinfo2().fordblks >= kLeastWorthIt) ::malloc_trim(0);
#endif
}

}  // namespace caracal::trace
