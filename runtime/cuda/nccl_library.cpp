#include "core/device/devices.h"
#include "runtime/cuda/dynamic_library.h"
#include "runtime/cuda/nccl_api.h"

#if __has_include(<nccl.h>)
#include <nccl.h>

namespace caracal::cuda::nccl {
static_assert(sizeof(UniqueId) == sizeof(ncclUniqueId));
static_assert(static_cast<int>(Status::kRemoteError) == ncclRemoteError);
static_assert(static_cast<int>(Status::kInProgress) == ncclInProgress);
static_assert(static_cast<int>(DataType::kUint8) == ncclUint8);
static_assert(static_cast<int>(DataType::kFloat32) == ncclFloat32);
static_assert(static_cast<int>(DataType::kBfloat16) == ncclBfloat16);
static_assert(static_cast<int>(Reduction::kSum) == ncclSum);
static_assert(kNoColor == NCCL_SPLIT_NOCOLOR);
static_assert(offsetof(Config, blocking) == offsetof(ncclConfig_t, blocking));
static_assert(offsetof(Config, maxCtas) == offsetof(ncclConfig_t, maxCTAs));
static_assert(offsetof(Config, splitShare) == offsetof(ncclConfig_t, splitShare));
static_assert(sizeof(Config) <= sizeof(ncclConfig_t));
}  // namespace caracal::cuda::nccl
#endif

namespace caracal::cuda::nccl {
namespace {

struct Library {
  Library() {
    find(api.getVersion, "ncclGetVersion");
    find(api.getErrorString, "ncclGetErrorString");
    find(api.getUniqueId, "ncclGetUniqueId");
    find(api.commInitRankConfig, "ncclCommInitRankConfig");
    find(api.commSplit, "ncclCommSplit");
    find(api.commFinalize, "ncclCommFinalize");
    find(api.commDestroy, "ncclCommDestroy");
    find(api.commAbort, "ncclCommAbort");
    find(api.commGetAsyncError, "ncclCommGetAsyncError");
    find(api.allReduce, "ncclAllReduce");
    find(api.allGather, "ncclAllGather");
    find(api.reduceScatter, "ncclReduceScatter");
    find(api.send, "ncclSend");
    find(api.recv, "ncclRecv");
    find(api.groupStart, "ncclGroupStart");
    find(api.groupEnd, "ncclGroupEnd");
    if (api.getVersion != nullptr) api.getVersion(&version);
  }

  template <class Function>
  void find(Function*& function, const char* name) {
    function = library.function<Function>(name);
    complete = complete && function != nullptr;
  }

  DynamicLibrary library{"libnccl.so.2", "libnccl.so"};
  Api api;
  bool complete = true;
  int version = 0;
};

}  // namespace

Result<const Api*> api() {
  static const Library library;
  if (!library.library.found()) {
    return fail(ErrorCode::kNotFound,
                "ranks as processes need NCCL, and libnccl.so.2 is not there; install it or add "
                "its folder to LD_LIBRARY_PATH. Started without a launcher, ranks share one GPU "
                "and need none");
  }
  if (!library.complete || library.version < kOldestVersion) {
    return fail(ErrorCode::kUnsupported, "NCCL {} is too old for ranks as processes; install {}",
                device::ncclVersionText(library.version), device::ncclVersionText(kOldestVersion));
  }
  return &library.api;
}

}  // namespace caracal::cuda::nccl
