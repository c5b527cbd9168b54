// The CUDA backend that training_test.cpp runs: on the emulator, or of libcaracal_cuda.so on a GPU.
#pragma once

#include "runtime/cuda/backend_entry.h"

namespace caracal::cuda {

// Fails with the reason where there is no GPU to run it on.
Result<LoadedBackend> backendUnderTest();
// Lets streams interleave in another way, where that can be chosen.
void shuffleStreams(uint64_t seed);

}  // namespace caracal::cuda
