// Errors of CUDA's runtime as sentences, and memory and events that free themselves.
#pragma once

#include <cuda_runtime.h>

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <utility>

#include "core/base/result.h"
#include "runtime/cuda/kernels/queue.h"

namespace caracal::cuda {

inline Result<void> check(cudaError_t error, const char* what) {
  if (error == cudaSuccess) return {};
  return fail(error == cudaErrorMemoryAllocation ? ErrorCode::kOutOfMemory : ErrorCode::kIo,
              "{} failed on the GPU: {}", what, cudaGetErrorString(error));
}

// Whether all launches since the last check were taken.
inline Result<void> check(const Queue& queue) {
  return check(queue.error, queue.failed);
}

// Set once a GPU did not end its work in time: freeing memory or a stream would wait for it for
// ever, so nothing is freed any more, and the process ends soon.
inline std::atomic<bool> gpuIsStuck{false};

// `count` numbers in the GPU's memory; contents are what the memory held before.
template <class T>
class DeviceArray {
 public:
  DeviceArray() = default;
  DeviceArray(DeviceArray&& other) noexcept { *this = std::move(other); }
  DeviceArray& operator=(DeviceArray&& other) noexcept {
    std::swap(m_data, other.m_data);
    std::swap(m_count, other.m_count);
    return *this;
  }
  ~DeviceArray() {
    if (!gpuIsStuck) cudaFree(m_data);
  }

  static Result<DeviceArray> make(int64_t count) {
    DeviceArray array;
    if (count == 0) return array;
    void* data = nullptr;
    const size_t bytes = static_cast<size_t>(count) * sizeof(T);
    if (const cudaError_t error = cudaMalloc(&data, bytes); error != cudaSuccess) {
      return fail(ErrorCode::kOutOfMemory,
                  "the GPU has no {} bytes left ({}); make the model, the batch or the number of "
                  "ranks on it smaller",
                  bytes, cudaGetErrorString(error));
    }
    array.m_data = static_cast<T*>(data);
    array.m_count = count;
    return array;
  }

  T* data() const { return m_data; }
  int64_t count() const { return m_count; }
  size_t bytes() const { return static_cast<size_t>(m_count) * sizeof(T); }

 private:
  T* m_data = nullptr;
  int64_t m_count = 0;
};

// Host memory that the GPU can copy from and to while programs go on.
template <class T>
class PinnedArray {
 public:
  PinnedArray() = default;
  PinnedArray(PinnedArray&& other) noexcept { *this = std::move(other); }
  PinnedArray& operator=(PinnedArray&& other) noexcept {
    std::swap(m_data, other.m_data);
    return *this;
  }
  ~PinnedArray() {
    if (!gpuIsStuck) cudaFreeHost(m_data);
  }

  static Result<PinnedArray> make(int64_t count) {
    PinnedArray array;
    void* data = nullptr;
    CARACAL_CHECK_OK(check(cudaMallocHost(&data, static_cast<size_t>(count) * sizeof(T)),
                           "allocating pinned host memory"));
    array.m_data = static_cast<T*>(data);
    return array;
  }
  T* data() const { return m_data; }

 private:
  T* m_data = nullptr;
};

// Events with times, used again once nobody holds them and their stream has reached them: what an
// event says that is recorded on a second stream before the first has come to it is not worth
// relying on. Used by any thread.
using Event = std::shared_ptr<std::remove_pointer_t<cudaEvent_t>>;
class EventPool {
 public:
  EventPool() : m_free(std::make_shared<Free>()) {}

  Event take() {
    cudaEvent_t event = nullptr;
    {
      const std::lock_guard lock(m_free->mutex);
      if (!m_free->events.empty() && cudaEventQuery(m_free->events.front()) == cudaSuccess) {
        event = m_free->events.front();
        m_free->events.pop_front();
      }
    }
    if (event == nullptr && cudaEventCreateWithFlags(&event, cudaEventDefault) != cudaSuccess)
      return {};
    return Event(event, [free = m_free](cudaEvent_t back) {
      const std::lock_guard lock(free->mutex);
      free->events.push_back(back);
    });
  }

  // Recorded on the queue's stream now.
  Event record(Queue& queue) {
    Event event = take();
    queue.note("cudaEventRecord",
               event ? cudaEventRecord(event.get(), queue.stream) : cudaErrorMemoryAllocation);
    return event;
  }

 private:
  struct Free {
    ~Free() {
      for (cudaEvent_t event : events) cudaEventDestroy(event);
    }
    std::mutex mutex;
    std::deque<cudaEvent_t> events;  // the oldest first
  };
  std::shared_ptr<Free> m_free;
};

inline void waitFor(Queue& queue, const Event& event) {
  queue.note("cudaStreamWaitEvent", cudaStreamWaitEvent(queue.stream, event.get(), 0));
}

}  // namespace caracal::cuda
