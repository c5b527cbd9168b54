#include "tests/runtime/cuda/emulator/block.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <numeric>

namespace emulator {
namespace {

constexpr size_t kStackBytes = 64 * 1024;

[[noreturn]] void die(const char* why) {
  std::fprintf(stderr, "emulated kernel, block (%u, %u, %u): %s\n", blockIdx.x, blockIdx.y,
               blockIdx.z, why);
  std::abort();
}

}  // namespace

Block& theBlock() {
  static Block block;
  return block;
}

void Block::loop() {
  Block& block = theBlock();
  for (;;) {
    (*block.m_kernel)();
    block.m_threads[block.m_current]->done = true;
    block.yield();
  }
}

void Block::prepare(size_t thread) {
  if (thread == m_threads.size()) {
    Thread& made = *m_threads.emplace_back(std::make_unique<Thread>());
    made.stack = std::make_unique<std::byte[]>(kStackBytes);
    getcontext(&made.context);
    made.context.uc_stack.ss_sp = made.stack.get();
    made.context.uc_stack.ss_size = kStackBytes;
    makecontext(&made.context, &Block::loop, 0);
  }
  Thread& t = *m_threads[thread];
  t.done = false;
  t.waitsAt = nullptr;
  t.shuffles = 0;
  const auto flat = static_cast<unsigned int>(thread);
  t.index =
      dim3(flat % blockDim.x, flat / blockDim.x % blockDim.y, flat / (blockDim.x * blockDim.y));
}

void Block::resume(size_t thread) {
  m_current = thread;
  Thread& t = *m_threads[thread];
  threadIdx = t.index;
  if (_setjmp(m_scheduler) != 0) return;
  if (t.started) _longjmp(t.jump, 1);
  t.started = true;
  setcontext(&t.context);
}

void Block::yield() {
  if (_setjmp(m_threads[m_current]->jump) == 0) _longjmp(m_scheduler, 1);
}

void Block::meet(Gate& gate, size_t threads) {
  Thread& t = *m_threads[m_current];
  t.waitsAt = &gate;
  t.generation = gate.generation;
  if (++gate.arrived == threads) {
    gate.arrived = 0;
    ++gate.generation;
  }
  yield();
}

bool Block::pass(const std::vector<size_t>& threads) {
  bool progress = false;
  for (const size_t i : threads) {
    Thread& t = *m_threads[i];
    const bool waits = t.waitsAt != nullptr && t.waitsAt->generation == t.generation;
    if (t.done || waits) continue;
    t.waitsAt = nullptr;
    resume(i);
    progress = true;
  }
  return progress;
}

void Block::run(const cudaLaunchConfig_t& config, dim3 block, const std::function<void()>& kernel) {
  blockIdx = block;
  blockDim = config.blockDim;
  gridDim = config.gridDim;
  m_count = size_t{blockDim.x} * blockDim.y * blockDim.z;
  if (m_count % kWarp != 0) die("the threads of a block are no multiple of 32");
  m_kernel = &kernel;
  m_warps.assign(m_count / kWarp, {});
  m_blockGate = {};
  m_shared.resize(config.dynamicSmemBytes / sizeof(std::max_align_t) + 1);
  // What a kernel reads before it wrote it is NaN.
  std::memset(m_shared.data(), 0xff, m_shared.size() * sizeof(std::max_align_t));
  for (size_t i = 0; i < m_count; ++i) prepare(i);

  std::vector<size_t> turns(m_count);
  std::iota(turns.begin(), turns.end(), size_t{0});
  if (order == ThreadOrder::kFalling) std::reverse(turns.begin(), turns.end());
  if (order == ThreadOrder::kShuffled) std::shuffle(turns.begin(), turns.end(), random);
  while (pass(turns)) {
  }
  const bool done =
      std::all_of(turns.begin(), turns.end(), [this](size_t i) { return m_threads[i]->done; });
  if (!done) die("some threads wait at a barrier that others never come to");
}

}  // namespace emulator
