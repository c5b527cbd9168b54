#include "cuda_runtime.h"

#include <cstdlib>
#include <cstring>

#include "tests/runtime/cuda/emulator/machine.h"

using emulator::Lock;
using emulator::machine;

const char* cudaGetErrorString(cudaError_t error) {
  switch (error) {
    case cudaSuccess:
      return "no error";
    case cudaErrorMemoryAllocation:
      return "out of memory";
    case cudaErrorNotReady:
      return "device not ready";
    case cudaErrorInvalidValue:
      break;
  }
  return "invalid argument";
}

cudaError_t cudaSetDevice(int) {
  return cudaSuccess;
}

cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr, int) {
  *value = 1;
  return cudaSuccess;
}

cudaError_t cudaMalloc(void** data, size_t bytes) {
  *data = std::aligned_alloc(256, (bytes + 255) / 256 * 256);
  if (*data == nullptr) return cudaErrorMemoryAllocation;
  std::memset(*data, 0xff, bytes);  // NaN until written
  return cudaSuccess;
}

// As on a GPU, memory goes only when nothing that may use it is left.
cudaError_t cudaFree(void* data) {
  if (data == nullptr) return cudaSuccess;
  const Lock lock(machine().mutex);
  emulator::runAll();
  std::free(data);
  return cudaSuccess;
}

cudaError_t cudaMallocHost(void** data, size_t bytes) {
  return cudaMalloc(data, bytes);
}

cudaError_t cudaFreeHost(void* data) {
  return cudaFree(data);
}

cudaError_t cudaMemcpyAsync(void* to, const void* from, size_t bytes, cudaMemcpyKind,
                            cudaStream_t stream) {
  emulator::enqueue(stream, [=] { std::memcpy(to, from, bytes); });
  return cudaSuccess;
}

cudaError_t cudaMemsetAsync(void* data, int value, size_t bytes, cudaStream_t stream) {
  emulator::enqueue(stream, [=] { std::memset(data, value, bytes); });
  return cudaSuccess;
}

cudaError_t cudaDeviceGetStreamPriorityRange(int* least, int* greatest) {
  *least = 0;
  *greatest = -5;
  return cudaSuccess;
}

cudaError_t cudaStreamCreateWithPriority(cudaStream_t* stream, unsigned int, int) {
  const Lock lock(machine().mutex);
  *stream = machine().streams.emplace_back(std::make_unique<emulator::Stream>()).get();
  return cudaSuccess;
}

cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  const Lock lock(machine().mutex);
  emulator::runUntil([&] { return stream->queue.empty(); });
  std::erase_if(machine().streams, [&](const auto& owned) { return owned.get() == stream; });
  return cudaSuccess;
}

cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
  const Lock lock(machine().mutex);
  emulator::runUntil([&] { return stream->queue.empty(); });
  emulator::hostReaches(stream->timeNs);
  return cudaSuccess;
}

cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned int) {
  const Lock lock(machine().mutex);
  if (event->recorded > 0) emulator::put(*stream, {{}, nullptr, event, event->recorded, 0, {}});
  return cudaSuccess;
}

cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned int) {
  const Lock lock(machine().mutex);
  *event = machine().events.emplace_back(std::make_unique<emulator::Event>()).get();
  return cudaSuccess;
}

cudaError_t cudaEventDestroy(cudaEvent_t) {
  return cudaSuccess;
}

cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
  const Lock lock(machine().mutex);
  emulator::put(*stream, {{}, event, nullptr, ++event->recorded, 0, {}});
  return cudaSuccess;
}

// A GPU works while the host looks: some of what is queued runs.
cudaError_t cudaEventQuery(cudaEvent_t event) {
  const Lock lock(machine().mutex);
  if (!event->done()) emulator::runOne();
  return event->done() ? cudaSuccess : cudaErrorNotReady;
}

cudaError_t cudaEventSynchronize(cudaEvent_t event) {
  const Lock lock(machine().mutex);
  emulator::runUntil([&] { return event->done(); });
  if (event->recorded > 0) emulator::hostReaches(event->reachedNs.at(event->recorded));
  return cudaSuccess;
}

cudaError_t cudaEventElapsedTime(float* milliseconds, cudaEvent_t begin, cudaEvent_t end) {
  const Lock lock(machine().mutex);
  for (const cudaEvent_t event : {begin, end}) {
    if (event->recorded == 0) return cudaErrorInvalidValue;
    if (!event->done()) return cudaErrorNotReady;
  }
  const auto timeOf = [](cudaEvent_t event) {
    return static_cast<double>(event->reachedNs.at(event->recorded));
  };
  const double ns = timeOf(end) - timeOf(begin);
  *milliseconds = static_cast<float>(ns / 1e6);
  return cudaSuccess;
}
