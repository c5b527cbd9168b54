// Equal parts of one GPU's multiprocessors, one for each virtual rank, so that ranks take from each
// other no more than memory and caches. Streams of a part run kernels on its multiprocessors alone.
#pragma once

#include <memory>

#include "runtime/cuda/streams.h"

namespace caracal::cuda {

class SmPartition {
 public:
  virtual ~SmPartition() = default;
  virtual int32_t multiprocessors() const = 0;  // of each part
  // Outlived by the partition. Any thread may call, one at a time.
  virtual Result<Stream> makeStream(int32_t part, Priority priority) = 0;

 protected:
  SmPartition() = default;
  SmPartition(const SmPartition&) = default;
  SmPartition& operator=(const SmPartition&) = default;
};

// Fails with kUnsupported, in words, where driver or GPU do not know how, or have too few
// multiprocessors: parts are multiples of 8 on GPUs of compute capability 9. Defined by what is
// linked: the driver's green contexts, or the emulator, which has none.
Result<std::unique_ptr<SmPartition>> makeSmPartition(int32_t device, int32_t parts);

}  // namespace caracal::cuda
