// One block of threads as fibers on the calling thread.
#pragma once

#include <setjmp.h>
#include <ucontext.h>

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <random>
#include <vector>

#include "cuda_runtime.h"

namespace emulator {

inline constexpr unsigned int kWarp = 32;

class Block {
 public:
  // Runs all threads to their end, each in turn until a barrier. Ends the program, with words, for
  // what would hang or be undefined on a GPU: a barrier that not all threads come to.
  void run(const cudaLaunchConfig_t& config, dim3 block, const std::function<void()>& kernel);

  void blockBarrier() { meet(m_blockGate, m_count); }
  void warpBarrier() { meet(m_warps[m_current / kWarp].gate, kWarp); }
  // For the thread's next shuffle. Two sets take turns: whoever writes the one has seen every lane
  // come to the barrier behind reading it.
  uint64_t* nextWarpSlots() {
    const size_t turn = m_threads[m_current]->shuffles++ % 2;
    return m_warps[m_current / kWarp].slots[turn].data();
  }
  unsigned int lane() const { return static_cast<unsigned int>(m_current % kWarp); }
  void* dynamicShared() { return m_shared.data(); }

  ThreadOrder order = ThreadOrder::kRising;
  std::mt19937_64 random;

 private:
  struct Gate {
    size_t arrived = 0;
    uint64_t generation = 0;
  };
  struct Warp {
    Gate gate;
    std::array<std::array<uint64_t, kWarp>, 2> slots{};
  };
  // A fiber that runs the thread of this number of one block after the other. Its stack is made by
  // makecontext(); all later switches are jumps, which, unlike swapcontext(), call no system.
  struct Thread {
    std::unique_ptr<std::byte[]> stack;
    ucontext_t context{};
    jmp_buf jump;
    bool started = false;
    dim3 index;
    size_t shuffles = 0;
    Gate* waitsAt = nullptr;
    uint64_t generation = 0;  // of the gate when it came
    bool done = false;
  };
  static void loop();
  void prepare(size_t thread);
  void resume(size_t thread);
  void yield();
  void meet(Gate& gate, size_t threads);
  bool pass(const std::vector<size_t>& order);  // whether any thread went on

  std::vector<std::unique_ptr<Thread>> m_threads;  // those of the largest block so far
  size_t m_count = 0;                              // of this block
  std::vector<Warp> m_warps;
  Gate m_blockGate;
  jmp_buf m_scheduler;
  size_t m_current = 0;
  std::vector<std::max_align_t> m_shared;
  const std::function<void()>* m_kernel = nullptr;
};

Block& theBlock();  // one runs at a time

}  // namespace emulator
