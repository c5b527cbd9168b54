#include "runtime/cuda/kernels/collective.h"

#include <cstring>

#include "runtime/cuda/kernels/device_math.h"

namespace caracal::cuda {
namespace {

constexpr int kThreads = 1024;  // few blocks must keep much of the memory busy
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

// Likewise of all numbers of type T in 16 bytes.
template <class T>
__device__ Vector16 totalAt(const Members<Vector16>& members, int64_t i) {
  constexpr int kNumbers = sizeof(Vector16) / sizeof(T);
  float totals[kNumbers];
  T numbers[kNumbers];
  for (int m = 0; m < members.count; ++m) {
    const Vector16 own = members.in[m][i];
    memcpy(numbers, &own, sizeof(own));
    for (int n = 0; n < kNumbers; ++n)
      totals[n] = m == 0 ? toFloat(numbers[n]) : totals[n] + toFloat(numbers[n]);
  }
  for (int n = 0; n < kNumbers; ++n) numbers[n] = fromFloat<T>(totals[n]);
  Vector16 result;
  memcpy(&result, numbers, sizeof(result));
  return result;
}

template <class T, class Unit>
__global__ void sum(Members<Unit> members, int64_t count) {
  forEachOf(count, [&](int64_t i) {
    const Unit total = totalAt<T>(members, i);
    for (int m = 0; m < members.count; ++m) members.out[m][i] = total;
  });
}

template <class Unit>
__global__ void gather(Members<Unit> members, int64_t part) {
  forEachOf(members.count * part, [&](int64_t i) {
    const Unit value = members.in[i / part][i % part];
    for (int m = 0; m < members.count; ++m) members.out[m][i] = value;
  });
}

template <class T, class Unit>
__global__ void scatter(Members<Unit> members, int64_t part) {
  forEachOf(members.count * part,
            [&](int64_t i) { members.out[i / part][i % part] = totalAt<T>(members, i); });
}

bool fillsVectors(const void* data) {
  return reinterpret_cast<uintptr_t>(data) % sizeof(Vector16) == 0;
}

// Calls work(members, count), in units of 16 bytes where everything lies so.
template <class T, class Work>
void inWidestUnits(const Members<T>& members, int64_t count, Work work) {
  constexpr int64_t kNumbers = sizeof(Vector16) / sizeof(T);
  Members<Vector16> vectors;
  vectors.count = members.count;
  bool fill = count % kNumbers == 0;
  for (int m = 0; m < members.count; ++m) {
    fill = fill && fillsVectors(members.in[m]) && fillsVectors(members.out[m]);
    vectors.in[m] = reinterpret_cast<const Vector16*>(members.in[m]);
    vectors.out[m] = reinterpret_cast<Vector16*>(members.out[m]);
  }
  if (fill)
    work(vectors, count / kNumbers);
  else
    work(members, count);
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
  inWidestUnits(members, count, [&]<class Unit>(const Members<Unit>& units, int64_t number) {
    launch(queue, "sumMembers", sum<T, Unit>, shapeFor(number, ctas), units, number);
  });
}

template <class T>
void gatherMembers(Queue& queue, const Members<T>& members, int64_t part, int32_t ctas) {
  inWidestUnits(members, part, [&]<class Unit>(const Members<Unit>& units, int64_t number) {
    launch(queue, "gatherMembers", gather<Unit>, shapeFor(units.count * number, ctas), units,
           number);
  });
}

template <class T>
void scatterSums(Queue& queue, const Members<T>& members, int64_t part, int32_t ctas) {
  inWidestUnits(members, part, [&]<class Unit>(const Members<Unit>& units, int64_t number) {
    launch(queue, "scatterSums", scatter<T, Unit>, shapeFor(units.count * number, ctas), units,
           number);
  });
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
