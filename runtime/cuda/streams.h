// The streams of a rank by role. Priorities order only work that waits for multiprocessors:
// communication comes first, recomputation last.
#pragma once

#include "runtime/cuda/check.h"

namespace caracal::cuda {

enum class Priority : uint8_t { kLowest, kMiddle, kHighest };

// In the numbers of the current device.
inline Result<int> priorityValue(Priority priority) {
  int least = 0;
  int greatest = 0;
  CARACAL_CHECK_OK(
      check(cudaDeviceGetStreamPriorityRange(&least, &greatest), "asking for stream priorities"));
  return priority == Priority::kLowest    ? least
         : priority == Priority::kHighest ? greatest
                                          : (least + greatest) / 2;
}

class Stream {
 public:
  Stream() = default;
  explicit Stream(cudaStream_t made) : m_stream(made) {}  // takes it over
  Stream(Stream&& other) noexcept : m_stream(std::exchange(other.m_stream, nullptr)) {}
  Stream& operator=(Stream&& other) noexcept {
    std::swap(m_stream, other.m_stream);
    return *this;
  }
  ~Stream() {
    if (m_stream != nullptr && !gpuIsStuck) cudaStreamDestroy(m_stream);
  }

  static Result<Stream> make(Priority priority) {
    CARACAL_TRY(value, priorityValue(priority));
    Stream stream;
    CARACAL_CHECK_OK(
        check(cudaStreamCreateWithPriority(&stream.m_stream, cudaStreamNonBlocking, value),
              "making a stream"));
    return stream;
  }

  cudaStream_t get() const { return m_stream; }

 private:
  cudaStream_t m_stream = nullptr;
};

}  // namespace caracal::cuda
