// NCCL between processes of one machine, over shared memory: operations are work of the emulator's
// streams that starts when all ranks have come, communicators answer "in progress" for a while as
// non-blocking ones do, and a rank can be told not to come.
//
// A communicator is a file of one slot per rank. Operation n of a rank: wait until all have taken
// the data of operation n - 1, put the own data into the slot, set `entered` to n; wait until all
// that matter have entered n, take their data, set `taken` to n.
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "cuda_bf16.h"
#include "runtime/cuda/nccl_api.h"
#include "tests/runtime/cuda/emulator/faults.h"

namespace caracal::cuda::nccl {

namespace {

constexpr size_t kSlotBytes = 1 << 20;
constexpr int kMostRanks = 16;

struct Slot {
  std::atomic<uint64_t> entered{0}, taken{0};
  alignas(64) unsigned char data[kSlotBytes];
};
struct Shared {
  std::atomic<int> joined{0}, finalized{0};
  int colors[kMostRanks], keys[kMostRanks];
  std::atomic<int> splits[kMostRanks];  // made so far, by rank
  Slot slots[kMostRanks];
};

}  // namespace

// The state of a communicator, kept by queued work also when the handle is gone.
struct Communicator {
  std::string path;
  Shared* shared = nullptr;
  int ranks = 1, rank = 0;
  uint64_t operations = 0;
  int splits = 0;
  int polls = 0;             // still to be answered with "in progress"
  Handle** split = nullptr;  // where the split under way writes to
  bool joining = true, splitting = false, finalizing = false;
  std::atomic<bool> aborted{false};
};

struct Handle {
  std::shared_ptr<Communicator> state;
};

namespace {

Shared* open(const std::string& path) {
  const int file = ::open(path.c_str(), O_RDWR | O_CREAT, 0600);
  if (file < 0 || ftruncate(file, sizeof(Shared)) != 0) return nullptr;
  void* memory = mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  close(file);
  return memory == MAP_FAILED ? nullptr : static_cast<Shared*>(memory);
}

std::shared_ptr<Communicator> join(const std::string& path, int ranks, int rank) {
  auto made = std::make_shared<Communicator>();
  made->path = path;
  made->shared = open(path);
  made->ranks = ranks;
  made->rank = rank;
  made->polls = 2;
  ++made->shared->joined;
  return made;
}

Status getVersion(int* version) {
  *version = kOldestVersion;
  return Status::kSuccess;
}

const char* getErrorString(Status status) {
  return status == Status::kRemoteError ? "remote process exited or there was a network error"
                                        : "unhandled error";
}

Status getUniqueId(UniqueId* id) {
  std::snprintf(id->bytes, sizeof id->bytes, "/dev/shm/caracal-nccl-%d-XXXXXX", getpid());
  const int file = mkstemp(id->bytes);
  if (file >= 0) close(file);
  return file >= 0 ? Status::kSuccess : Status::kRemoteError;
}

Status commInitRankConfig(Handle** handle, int ranks, UniqueId id, int rank, Config* config) {
  if (config->magic != 0xcafebeef || config->blocking != 0 || ranks > kMostRanks)
    return Status::kRemoteError;
  *handle = new Handle{join(id.bytes, ranks, rank)};
  return Status::kInProgress;
}

Status commSplit(Handle* handle, int color, int key, Handle** child, Config* config) {
  Communicator& self = *handle->state;
  if (config->blocking != 0) return Status::kRemoteError;
  *child = nullptr;
  self.shared->colors[self.rank] = color;
  self.shared->keys[self.rank] = key;
  self.split = child;
  self.splitting = true;
  self.shared->splits[self.rank] = ++self.splits;
  return Status::kInProgress;
}

bool allCame(const std::atomic<int> (&counts)[kMostRanks], int ranks, int number) {
  for (int rank = 0; rank < ranks; ++rank)
    if (counts[rank] < number) return false;
  return true;
}

// The members of one's color in the order of their keys. No rank splits again before all are done.
void finishSplit(Communicator& self) {
  const Shared& shared = *self.shared;
  const int color = shared.colors[self.rank];
  int members = 0;
  int own = 0;
  for (int rank = 0; rank < self.ranks; ++rank) {
    if (shared.colors[rank] != color) continue;
    ++members;
    if (shared.keys[rank] < shared.keys[self.rank]) ++own;
  }
  const std::string path =
      self.path + "-" + std::to_string(self.splits) + "-" + std::to_string(color);
  if (color != kNoColor) *self.split = new Handle{join(path, members, own)};
}

Status commGetAsyncError(Handle* handle, Status* status) {
  Communicator& self = *handle->state;
  *status = Status::kInProgress;
  if (self.polls > 0) {
    --self.polls;
    return Status::kSuccess;
  }
  if (self.joining && self.shared->joined < self.ranks) return Status::kSuccess;
  self.joining = false;
  if (self.splitting) {
    // Two meetings: to know all colors, and so that nobody changes his before all have read them.
    if (self.split != nullptr && allCame(self.shared->splits, self.ranks, self.splits)) {
      finishSplit(self);
      self.split = nullptr;
      self.shared->slots[self.rank].taken = static_cast<uint64_t>(self.splits);
    }
    for (int rank = 0; rank < self.ranks; ++rank) {
      if (self.shared->slots[rank].taken < static_cast<uint64_t>(self.splits))
        return Status::kSuccess;
    }
    self.splitting = false;
  }
  if (self.finalizing && self.shared->finalized < self.ranks) return Status::kSuccess;
  *status = Status::kSuccess;
  return Status::kSuccess;
}

Status commFinalize(Handle* handle) {
  handle->state->finalizing = true;
  ++handle->state->shared->finalized;
  return Status::kInProgress;
}

Status commDestroy(Handle* handle) {
  unlink(handle->state->path.c_str());
  delete handle;
  return Status::kSuccess;
}

Status commAbort(Handle* handle) {
  handle->state->aborted = true;
  return commDestroy(handle);
}

// Puts the two halves of an operation on the stream; a rank that is only sent to has nothing to
// wait for in the second, and one that only receives nothing to hand in.
template <class Take>
Status put(Handle* handle, const void* data, size_t bytes, int awaited, cudaStream_t stream,
           Take take) {
  if (bytes > kSlotBytes) return Status::kRemoteError;
  const std::shared_ptr<Communicator> self = handle->state;
  const uint64_t number = ++self->operations;
  const bool hangs = emulator::collectiveHangs();
  const auto all = [self, number](std::atomic<uint64_t> Slot::*count, int from, int to,
                                  uint64_t least) {
    for (int rank = from; rank < to; ++rank)
      if (self->shared->slots[rank].*count < least) return false;
    return true;
  };
  // A parent that was split uses `taken` for that; only its children have operations.
  emulator::enqueueWhen(
      stream,
      [=] { return self->aborted || (!hangs && all(&Slot::taken, 0, self->ranks, number - 1)); },
      [=] {
        Slot& own = self->shared->slots[self->rank];
        if (data != nullptr) std::memcpy(own.data, data, bytes);
        own.entered = number;
      });
  const int from = awaited < 0 ? 0 : awaited;
  const int to = awaited < 0 ? self->ranks : awaited + 1;
  emulator::enqueueWhen(
      stream, [=] { return self->aborted || all(&Slot::entered, from, to, number); },
      [=] {
        if (!self->aborted) take(*self->shared);
        self->shared->slots[self->rank].taken = number;
      });
  return Status::kInProgress;
}

float valueAt(const Slot& slot, DataType type, size_t i) {
  if (type == DataType::kBfloat16)
    return __bfloat162float(reinterpret_cast<const __nv_bfloat16*>(slot.data)[i]);
  return reinterpret_cast<const float*>(slot.data)[i];
}

size_t bytesOf(DataType type) {
  return type == DataType::kBfloat16 ? 2 : 4;
}

// `count` sums of what all ranks handed in, from `first` on.
void sumSlots(const Shared& shared, int ranks, DataType type, size_t first, size_t count,
              void* out) {
  for (size_t i = 0; i < count; ++i) {
    float sum = 0;
    for (int rank = 0; rank < ranks; ++rank) sum += valueAt(shared.slots[rank], type, first + i);
    if (type == DataType::kBfloat16) {
      static_cast<__nv_bfloat16*>(out)[i] = __float2bfloat16(sum);
    } else {
      static_cast<float*>(out)[i] = sum;
    }
  }
}

Status allReduce(const void* in, void* out, size_t count, DataType type, Reduction, Handle* handle,
                 cudaStream_t stream) {
  const int ranks = handle->state->ranks;
  handle->state->polls = 1;
  return put(handle, in, count * bytesOf(type), -1, stream,
             [=](const Shared& shared) { sumSlots(shared, ranks, type, 0, count, out); });
}

Status reduceScatter(const void* in, void* out, size_t count, DataType type, Reduction,
                     Handle* handle, cudaStream_t stream) {
  const int ranks = handle->state->ranks;
  const size_t all = static_cast<size_t>(ranks) * count;
  const size_t first = static_cast<size_t>(handle->state->rank) * count;
  handle->state->polls = 1;
  return put(handle, in, all * bytesOf(type), -1, stream,
             [=](const Shared& shared) { sumSlots(shared, ranks, type, first, count, out); });
}

Status allGather(const void* in, void* out, size_t count, DataType type, Handle* handle,
                 cudaStream_t stream) {
  const int ranks = handle->state->ranks;
  const size_t bytes = count * bytesOf(type);
  handle->state->polls = 1;
  return put(handle, in, bytes, -1, stream, [=](const Shared& shared) {
    for (int rank = 0; rank < ranks; ++rank)
      std::memcpy(static_cast<unsigned char*>(out) + static_cast<size_t>(rank) * bytes,
                  shared.slots[rank].data, bytes);
  });
}

Status send(const void* data, size_t count, DataType, int, Handle* handle, cudaStream_t stream) {
  return put(handle, data, count, handle->state->rank, stream, [](const Shared&) {});
}

Status recv(void* data, size_t count, DataType, int peer, Handle* handle, cudaStream_t stream) {
  return put(handle, nullptr, count, peer, stream,
             [=](const Shared& shared) { std::memcpy(data, shared.slots[peer].data, count); });
}

Status group() {
  return Status::kSuccess;
}

}  // namespace

Result<const Api*> api() {
  static const Api kFake{getVersion,
                         getErrorString,
                         getUniqueId,
                         commInitRankConfig,
                         commSplit,
                         commFinalize,
                         commDestroy,
                         commAbort,
                         commGetAsyncError,
                         allReduce,
                         allGather,
                         reduceScatter,
                         send,
                         recv,
                         group,
                         group};
  return &kFake;
}

}  // namespace caracal::cuda::nccl
