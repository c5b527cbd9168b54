// Faults of emulated machines, for programs: the environment variable CARACAL_EMULATED_FAULT is
// "kernel:RANK:N" or "collective:RANK:N", and on the rank of that number on its machine the N-th
// kernel or collective, from 1, never starts.
#pragma once

#include <cstdint>

namespace emulator {

void readFaults(int32_t localRank);
// Asked once for each operation of NCCL.
bool collectiveHangs();

}  // namespace emulator
