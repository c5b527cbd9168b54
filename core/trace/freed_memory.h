// What was freed goes back to the system. The allocator keeps pieces of some MB for itself: a
// process that turns many of them into one large run would grow to twice the run's size.
#pragma once

#if defined(__GLIBC__)
#include <malloc.h>
#endif

namespace caracal::trace {

inline void giveBackFreedMemory() {
#if defined(__GLIBC__)
  ::malloc_trim(0);
#endif
}

}  // namespace caracal::trace
