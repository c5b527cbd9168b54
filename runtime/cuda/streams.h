// The streams of a rank by role. Priorities order only work that waits for multiprocessors:
// communication comes first, recomputation last.
#pragma once

#include "runtime/cuda/check.h"

namespace caracal::cuda {

enum class Priority : uint8_t { kLowest, kMiddle, kHighest };

class Stream {
 public:
  Stream() = default;
  Stream(Stream&& other) noexcept : m_stream(std::exchange(other.m_stream, nullptr)) {}
  Stream& operator=(Stream&& other) noexcept {
    std::swap(m_stream, other.m_stream);
    return *this;
  }
  ~Stream() {
    if (m_stream != nullptr) cudaStreamDestroy(m_stream);
  }

  static Result<Stream> make(Priority priority) {
    int least = 0;
    int greatest = 0;
    CARACAL_CHECK_OK(
        check(cudaDeviceGetStreamPriorityRange(&least, &greatest), "asking for stream priorities"));
    const int value = priority == Priority::kLowest    ? least
                      : priority == Priority::kHighest ? greatest
                                                       : (least + greatest) / 2;
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
