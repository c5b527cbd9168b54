#include "runtime/cuda/kernels/collective.h"

#include "runtime/cuda/kernels/device_math.h"

namespace caracal::cuda {
namespace {

constexpr int kThreads = 512;
constexpr unsigned int kNapNs = 200;

// work(i) for every i below `count`, shared by all threads of the grid.
template <class Work>
__device__ void forEachOf(int64_t count, Work work) {
  const int64_t stride = int64_t{gridDim.x} * kThreads;
  for (int64_t i = int64_t{blockIdx.x} * kThreads + threadIdx.x; i < count; i += stride) work(i);
}

template <class T>
__device__ T totalAt(const Members<T>& members, int64_t i) {
  float total = toFloat(members.in[0][i]);
  for (int m = 1; m < members.count; ++m) total += toFloat(members.in[m][i]);
  return fromFloat<T>(total);
}

template <class T>
__global__ void sum(Members<T> members, int64_t count) {
  forEachOf(count, [&](int64_t i) {
    const T total = totalAt(members, i);
    for (int m = 0; m < members.count; ++m) members.out[m][i] = total;
  });
}

template <class T>
__global__ void gather(Members<T> members, int64_t part) {
  forEachOf(members.count * part, [&](int64_t i) {
    const T value = members.in[i / part][i % part];
    for (int m = 0; m < members.count; ++m) members.out[m][i] = value;
  });
}

template <class T>
__global__ void scatter(Members<T> members, int64_t part) {
  forEachOf(members.count * part,
            [&](int64_t i) { members.out[i / part][i % part] = totalAt(members, i); });
}

LaunchShape shapeFor(int64_t count, int32_t ctas) {
  const int64_t wanted = ceilDiv(count, kThreads);
  return {wanted < ctas ? wanted : ctas, dim3(kThreads)};
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
  launch(queue, "sumMembers", sum<T>, shapeFor(count, ctas), members, count);
}

template <class T>
void gatherMembers(Queue& queue, const Members<T>& members, int64_t part, int32_t ctas) {
  launch(queue, "gatherMembers", gather<T>, shapeFor(members.count * part, ctas), members, part);
}

template <class T>
void scatterSums(Queue& queue, const Members<T>& members, int64_t part, int32_t ctas) {
  launch(queue, "scatterSums", scatter<T>, shapeFor(members.count * part, ctas), members, part);
}

void stampClock(Queue& queue, uint64_t* time) {
  launch(queue, "stampClock", stamp, {1, dim3(kWarp)}, time);
}

void holdUntil(Queue& queue, const uint64_t* time, int64_t ns, int32_t ctas) {
  launch(queue, "holdUntil", hold, {ctas, dim3(kWarp)}, time, static_cast<uint64_t>(ns));
}

template void sumMembers(Queue&, const Members<float>&, int64_t, int32_t);
template void sumMembers(Queue&, const Members<__nv_bfloat16>&, int64_t, int32_t);
template void gatherMembers(Queue&, const Members<float>&, int64_t, int32_t);
template void gatherMembers(Queue&, const Members<__nv_bfloat16>&, int64_t, int32_t);
template void scatterSums(Queue&, const Members<float>&, int64_t, int32_t);
template void scatterSums(Queue&, const Members<__nv_bfloat16>&, int64_t, int32_t);

}  // namespace caracal::cuda
