#include "tests/runtime/cuda/emulator/machine.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <thread>

#include "tests/runtime/cuda/emulator/block.h"

namespace emulator {

namespace {

constexpr uint64_t kLaunchNs = 1000;

bool canRun(const Stream& stream) {
  if (stream.queue.empty()) return false;
  const Operation& next = stream.queue.front();
  if (next.ready && !next.ready()) return false;
  return next.awaits == nullptr || next.awaits->reached(next.record);
}

bool waitsForOthers(const Stream& stream) {
  return !stream.queue.empty() && stream.queue.front().ready;
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

}  // namespace

Machine& machine() {
  static Machine machine;
  return machine;
}

bool runOne() {
  std::vector<Stream*> able;
  for (const auto& stream : machine().streams) {
    if (canRun(*stream)) able.push_back(stream.get());
  }
  if (able.empty()) return false;
  runNext(*able[machine().random() % able.size()]);
  return true;
}

void runUntil(const std::function<bool()>& done) {
  while (!done()) {
    if (runOne()) continue;
    const auto& streams = machine().streams;
    const bool waits = std::any_of(streams.begin(), streams.end(),
                                   [](const auto& stream) { return waitsForOthers(*stream); });
    if (!waits) {
      std::fprintf(stderr, "emulated streams: the host waits for work that can never run\n");
      std::abort();
    }
    machine().mutex.unlock();
    std::this_thread::sleep_for(std::chrono::microseconds(50));
    machine().mutex.lock();
  }
}

void runAll() {
  runUntil([] {
    const auto& streams = machine().streams;
    return std::all_of(streams.begin(), streams.end(),
                       [](const auto& stream) { return stream->queue.empty(); });
  });
}

void put(Stream& stream, Operation operation) {
  operation.enqueuedNs = machine().hostNs;
  stream.queue.push_back(std::move(operation));
}

void hostReaches(uint64_t timeNs) {
  machine().hostNs = std::max(machine().hostNs, timeNs);
}

void enqueue(cudaStream_t stream, std::function<void()> work) {
  enqueueWhen(stream, {}, std::move(work));
}

void enqueueWhen(cudaStream_t stream, std::function<bool()> ready, std::function<void()> work) {
  const Lock lock(machine().mutex);
  put(*stream, {std::move(work), nullptr, nullptr, 0, 0, std::move(ready)});
}

void hangKernel(int64_t number) {
  const Lock lock(machine().mutex);
  machine().kernelsToHang = number;
}

std::function<bool()> readinessOfKernel() {
  const Lock lock(machine().mutex);
  if (machine().kernelsToHang == 0 || --machine().kernelsToHang > 0) return {};
  return [] { return false; };
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
