#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <random>
#include <unordered_map>
#include <vector>

#include "cuda_runtime.h"
#include "tests/runtime/cuda/emulator/block.h"

namespace emulator {

// An event may be recorded again, on another stream, before the stream of an earlier record has
// come to it; waits go for the record that was the last when they were enqueued.
struct Event {
  uint64_t recorded = 0;                             // how often cudaEventRecord was called
  std::unordered_map<uint64_t, uint64_t> reachedNs;  // when streams reached each record

  bool reached(uint64_t record) const { return reachedNs.contains(record); }
  bool done() const { return recorded == 0 || reached(recorded); }
};

struct Operation {
  std::function<void()> work;  // empty: an event
  Event* records = nullptr;
  Event* awaits = nullptr;
  uint64_t record = 0;  // which of the event's
  uint64_t enqueuedNs = 0;
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
  uint64_t hostNs = 0;  // what the host has waited for
};

Machine& machine() {
  static Machine machine;
  return machine;
}

using Lock = std::lock_guard<std::recursive_mutex>;

bool canRun(const Stream& stream) {
  if (stream.queue.empty()) return false;
  const Operation& next = stream.queue.front();
  return next.awaits == nullptr || next.awaits->reached(next.record);
}

void runNext(Stream& stream) {
  const Operation next = std::move(stream.queue.front());
  stream.queue.pop_front();
  stream.timeNs = std::max(stream.timeNs, next.enqueuedNs);
  if (next.awaits != nullptr) {
    stream.timeNs = std::max(stream.timeNs, next.awaits->reachedNs.at(next.record));
  } else if (next.records != nullptr) {
    next.records->reachedNs.emplace(next.record, stream.timeNs);
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

void runAll() {
  for (bool any = true; any;) {
    any = false;
    for (const auto& stream : machine().streams) {
      for (; canRun(*stream); any = true) runNext(*stream);
    }
  }
}

void put(Stream& stream, Operation operation) {
  operation.enqueuedNs = machine().hostNs;
  stream.queue.push_back(std::move(operation));
}

void hostReaches(uint64_t timeNs) {
  machine().hostNs = std::max(machine().hostNs, timeNs);
}

}  // namespace

void enqueue(cudaStream_t stream, std::function<void()> work) {
  const Lock lock(machine().mutex);
  put(*stream, {std::move(work), nullptr, nullptr, 0, 0});
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
  if (event->recorded > 0) emulator::put(*stream, {{}, nullptr, event, event->recorded, 0});
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
  emulator::put(*stream, {{}, event, nullptr, ++event->recorded, 0});
  return cudaSuccess;
}

cudaError_t cudaEventQuery(cudaEvent_t event) {
  const Lock lock(machine().mutex);
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
