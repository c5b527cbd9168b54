// What the fake CUPTI's entry points (fake_cupti.cpp) and its fake GPU work (fake_work.cpp) share.
#pragma once

#include <cupti.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <vector>

#include "tests/profiler/fake_cupti.h"

#define FAKE_EXPORT extern "C" __attribute__((visibility("default")))

namespace caracal::fake_cupti {

constexpr uint32_t kCuda13 = 130000;
constexpr uint32_t kCuda124 = 22;
constexpr size_t kLeastRoom = 512;  // no record is longer

inline bool isSet(const char* name) {
  return std::getenv(name) != nullptr;
}

inline uint32_t version() {
  const char* const text = std::getenv("FAKE_CUPTI_VERSION");
  return text ? static_cast<uint32_t>(std::strtoul(text, nullptr, 10)) : kCuda13 + 1;
}

struct Buffer {
  uint8_t* data = nullptr;
  size_t bytes = 0, used = 0;
};

// One for each thread that launches work.
struct Launcher {
  std::mutex mutex;
  Buffer buffer;
};

struct State {
  std::mutex mutex;  // guards launchers; never held while the client is called
  std::vector<Launcher*> launchers;
  std::array<std::atomic<bool>, CUPTI_ACTIVITY_KIND_COUNT> enabled{};
  std::atomic<CUpti_BuffersCallbackRequestFunc> request{nullptr};
  std::atomic<CUpti_BuffersCallbackCompleteFunc> complete{nullptr};
  std::atomic<CUpti_TimestampCallbackFunc> timestamp{nullptr};
  std::atomic<bool> hasSubscriber{false};
  std::atomic<bool> saidDropped{false};
};

State& state();
// The calling thread's; made at its first record.
Launcher& thisLauncher();
// Back to the client.
void give(const Buffer& buffer);

// Room for one record; the client's callbacks are called without a lock, as CUPTI promises nothing
// else.
template <class Record>
void emit(CUpti_ActivityKind kind, const Record& record) {
  if (!state().enabled[kind] || !state().request.load()) return;
  Launcher& launcher = thisLauncher();
  std::unique_lock lock(launcher.mutex);
  if (launcher.buffer.bytes - launcher.buffer.used < kLeastRoom) {
    const Buffer full = launcher.buffer;
    launcher.buffer = {};
    lock.unlock();
    if (full.data) give(full);
    Buffer fresh;
    size_t most = 0;
    state().request.load()(&fresh.data, &fresh.bytes, &most);
    if (!fresh.data) return;
    lock.lock();
    launcher.buffer = fresh;
  }
  std::memcpy(launcher.buffer.data + launcher.buffer.used, &record, sizeof record);
  launcher.buffer.used += sizeof record;
}

}  // namespace caracal::fake_cupti
