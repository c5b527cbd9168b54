#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <random>
#include <vector>

#include "cuda_runtime.h"
#include "tests/runtime/cuda/emulator/block.h"

namespace emulator {

struct Event {
  uint64_t recorded = 0;   // how often cudaEventRecord was called
  uint64_t completed = 0;  // and how many of these the stream has reached
  uint64_t timeNs = 0;     // of the last one reached
  std::vector<std::pair<uint64_t, uint64_t>> history;  // (record, time) that waits may ask for
};

struct Operation {
  std::function<void()> work;  // empty: an event
  Event* records = nullptr;
  Event* awaits = nullptr;
  uint64_t record = 0;  // which of the event's
};

struct Stream {
  std::deque<Operation> queue;
  uint64_t timeNs = 0;
};

namespace {

constexpr uint64_t kLaunchNs = 1000;

// All state of the emulated machine; one lock, held while work runs.
struct Machine {
  std::recursive_mutex mutex;
  std::vector<std::unique_ptr<Stream>> streams;
  std::vector<std::unique_ptr<Event>> events;  // kept: queued work may name them
  std::mt19937_64 random{1};
  Stream* running = nullptr;
};

Machine& machine() {
  static Machine machine;
  return machine;
}

using Lock = std::lock_guard<std::recursive_mutex>;

bool canRun(const Stream& stream) {
  if (stream.queue.empty()) return false;
  const Operation& next = stream.queue.front();
  return next.awaits == nullptr || next.awaits->completed >= next.record;
}

uint64_t timeOf(const Event& event, uint64_t record) {
  for (const auto& [number, timeNs] : event.history) {
    if (number == record) return timeNs;
  }
  return event.timeNs;
}

void runNext(Stream& stream) {
  const Operation next = std::move(stream.queue.front());
  stream.queue.pop_front();
  if (next.awaits != nullptr) {
    stream.timeNs = std::max(stream.timeNs, timeOf(*next.awaits, next.record));
  } else if (next.records != nullptr) {
    next.records->completed = next.record;
    next.records->timeNs = stream.timeNs;
    next.records->history.emplace_back(next.record, stream.timeNs);
  } else {
    machine().running = &stream;
    stream.timeNs += kLaunchNs;
    next.work();
    machine().running = nullptr;
  }
}

template <class Done>
void runUntil(Done done) {
  while (!done()) {
    std::vector<Stream*> able;
    for (const auto& stream : machine().streams) {
      if (canRun(*stream)) able.push_back(stream.get());
    }
    if (able.empty()) {
      std::fprintf(stderr, "emulated streams: the host waits for work that can never run\n");
      std::abort();
    }
    runNext(*able[machine().random() % able.size()]);
  }
}

}  // namespace

void enqueue(cudaStream_t stream, std::function<void()> work) {
  const Lock lock(machine().mutex);
  stream->queue.push_back({std::move(work), nullptr, nullptr, 0});
}

void runGrid(const cudaLaunchConfig_t& config, const std::function<void()>& kernel) {
  for (unsigned int z = 0; z < config.gridDim.z; ++z) {
    for (unsigned int y = 0; y < config.gridDim.y; ++y) {
      for (unsigned int x = 0; x < config.gridDim.x; ++x)
        theBlock().run(config, dim3(x, y, z), kernel);
    }
  }
}

void setThreadOrder(ThreadOrder order) {
  theBlock().order = order;
}
void setSeed(uint64_t seed) {
  const Lock lock(machine().mutex);
  machine().random.seed(seed);
  theBlock().random.seed(seed);
}
void blockBarrier() {
  theBlock().blockBarrier();
}
void warpBarrier() {
  theBlock().warpBarrier();
}
uint64_t* nextWarpSlots() {
  return theBlock().nextWarpSlots();
}
unsigned int lane() {
  return theBlock().lane();
}
void* dynamicShared() {
  return theBlock().dynamicShared();
}
uint64_t clockNs() {
  return machine().running->timeNs;
}
void sleepNs(uint64_t ns) {
  machine().running->timeNs += ns;
}

}  // namespace emulator

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

cudaError_t cudaMalloc(void** data, size_t bytes) {
  *data = std::aligned_alloc(256, (bytes + 255) / 256 * 256);
  if (*data == nullptr) return cudaErrorMemoryAllocation;
  std::memset(*data, 0xff, bytes);  // NaN until written
  return cudaSuccess;
}

cudaError_t cudaFree(void* data) {
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
  return cudaSuccess;
}

cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned int) {
  const Lock lock(machine().mutex);
  if (event->recorded > 0) stream->queue.push_back({{}, nullptr, event, event->recorded});
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
  stream->queue.push_back({{}, event, nullptr, ++event->recorded});
  return cudaSuccess;
}

cudaError_t cudaEventSynchronize(cudaEvent_t event) {
  const Lock lock(machine().mutex);
  emulator::runUntil([&] { return event->completed == event->recorded; });
  return cudaSuccess;
}

cudaError_t cudaEventElapsedTime(float* milliseconds, cudaEvent_t begin, cudaEvent_t end) {
  const Lock lock(machine().mutex);
  for (const cudaEvent_t event : {begin, end}) {
    if (event->recorded == 0) return cudaErrorInvalidValue;
    if (event->completed != event->recorded) return cudaErrorNotReady;
  }
  const double ns = static_cast<double>(end->timeNs) - static_cast<double>(begin->timeNs);
  *milliseconds = static_cast<float>(ns / 1e6);
  return cudaSuccess;
}
