// The state behind the emulated CUDA runtime: streams of queued work, events, the clock.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <random>
#include <unordered_map>
#include <vector>

#include "cuda_runtime.h"

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
  std::function<bool()> ready;  // asked before `work`; empty: it always is
};

struct Stream {
  std::deque<Operation> queue;
  uint64_t timeNs = 0;
};

// All state of the emulated machine; one lock, held while work runs.
struct Machine {
  std::recursive_mutex mutex;
  std::vector<std::unique_ptr<Stream>> streams;
  std::vector<std::unique_ptr<Event>> events;  // kept: queued work may name them
  std::mt19937_64 random{1};
  Stream* running = nullptr;
  uint64_t hostNs = 0;        // what the host has waited for
  int64_t kernelsToHang = 0;  // launches until the one that hangs; 0: none does
};

Machine& machine();
using Lock = std::lock_guard<std::recursive_mutex>;

// Of the functions below each REQUIRES one lock on the machine.
bool runOne();  // whether there was something to run
// Waits for what other processes do, without the lock; ends the program, with words, when nothing
// can run any more.
void runUntil(const std::function<bool()>& done);
void runAll();
void put(Stream& stream, Operation operation);
void hostReaches(uint64_t timeNs);

}  // namespace emulator
