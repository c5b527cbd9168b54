#include "runtime/cuda/kernels/collective.h"

#include "runtime/cuda/kernels/device_math.h"

namespace caracal::cuda {
namespace {

constexpr int kThreads = 512;
constexpr unsigned int kNapNs = 200;

template <class T>
__global__ void sum(Members<T> members, int64_t count) {
  const int64_t stride = int64_t{gridDim.x} * kThreads;
  for (int64_t i = int64_t{blockIdx.x} * kThreads + threadIdx.x; i < count; i += stride) {
    float total = toFloat(members.in[0][i]);
    for (int m = 1; m < members.count; ++m) total += toFloat(members.in[m][i]);
    for (int m = 0; m < members.count; ++m) members.out[m][i] = fromFloat<T>(total);
  }
}

__global__ void stamp(uint64_t* time) {
  if (threadIdx.x == 0) *time = clockNs();
}

__global__ void hold(const uint64_t* stamp, uint64_t ns) {
  if (threadIdx.x != 0) return;
  const uint64_t end = *stamp + ns;
  for (uint64_t now = clockNs(); now < end; now = clockNs()) {
    const uint64_t left = end - now;
    sleepNs(left < kNapNs ? static_cast<unsigned int>(left) : kNapNs);
  }
}

}  // namespace

template <class T>
void sumMembers(Queue& queue, const Members<T>& members, int64_t count, int32_t ctas) {
  const int64_t wanted = ceilDiv(count, kThreads);
  launch(queue, "sumMembers", sum<T>, {wanted < ctas ? wanted : ctas, dim3(kThreads)}, members,
         count);
}

void stampClock(Queue& queue, uint64_t* time) {
  launch(queue, "stampClock", stamp, {1, dim3(kWarp)}, time);
}

void holdUntil(Queue& queue, const uint64_t* time, int64_t ns, int32_t ctas) {
  launch(queue, "holdUntil", hold, {ctas, dim3(kWarp)}, time, static_cast<uint64_t>(ns));
}

template void sumMembers(Queue&, const Members<float>&, int64_t, int32_t);
template void sumMembers(Queue&, const Members<__nv_bfloat16>&, int64_t, int32_t);

}  // namespace caracal::cuda
