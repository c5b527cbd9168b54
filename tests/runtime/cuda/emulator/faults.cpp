#include "tests/runtime/cuda/emulator/faults.h"

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "cuda_runtime.h"

namespace emulator {
namespace {

std::atomic<int64_t> collectivesToHang{0};  // operations until the one that hangs; 0: none does

}  // namespace

void readFaults(int32_t localRank) {
  const char* text = std::getenv("CARACAL_EMULATED_FAULT");
  char kind[16] = {};
  int rank = -1;
  long long number = 0;
  if (text == nullptr || std::sscanf(text, "%15[a-z]:%d:%lld", kind, &rank, &number) != 3) return;
  if (rank != localRank) return;
  if (std::strcmp(kind, "kernel") == 0) hangKernel(number);
  if (std::strcmp(kind, "collective") == 0) collectivesToHang = number;
}

bool collectiveHangs() {
  return collectivesToHang > 0 && --collectivesToHang == 0;
}

}  // namespace emulator
