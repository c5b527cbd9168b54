// SmPartition by green contexts, functions of the driver since CUDA 12.4; looked up at run time, as
// drivers may be older than the toolkit.
#include <cuda.h>

#include <vector>

#include "runtime/cuda/sm_partition.h"

namespace caracal::cuda {
namespace {

#if CUDART_VERSION >= 12050

// The driver's functions; all or none.
struct Driver {
  template <class Function>
  void find(Function*& function, const char* name) {
    void* found = nullptr;
    cudaDriverEntryPointQueryResult result{};
    constexpr unsigned int kSince = 12050;
    const bool ok = cudaGetDriverEntryPointByVersion(name, &found, kSince, cudaEnableDefault,
                                                     &result) == cudaSuccess &&
                    result == cudaDriverEntryPointSuccess;
    complete = complete && ok;
    function = ok ? reinterpret_cast<Function*>(found) : nullptr;
  }
  Driver() {
#define CARACAL_FIND(name) find(name, #name)
    CARACAL_FIND(cuDeviceGet);
    CARACAL_FIND(cuDeviceGetDevResource);
    CARACAL_FIND(cuDevSmResourceSplitByCount);
    CARACAL_FIND(cuDevResourceGenerateDesc);
    CARACAL_FIND(cuGreenCtxCreate);
    CARACAL_FIND(cuGreenCtxDestroy);
    CARACAL_FIND(cuGreenCtxStreamCreate);
    CARACAL_FIND(cuGetErrorString);
#undef CARACAL_FIND
  }

  bool complete = true;
  decltype(::cuDeviceGet)* cuDeviceGet = nullptr;
  decltype(::cuDeviceGetDevResource)* cuDeviceGetDevResource = nullptr;
  decltype(::cuDevSmResourceSplitByCount)* cuDevSmResourceSplitByCount = nullptr;
  decltype(::cuDevResourceGenerateDesc)* cuDevResourceGenerateDesc = nullptr;
  decltype(::cuGreenCtxCreate)* cuGreenCtxCreate = nullptr;
  decltype(::cuGreenCtxDestroy)* cuGreenCtxDestroy = nullptr;
  decltype(::cuGreenCtxStreamCreate)* cuGreenCtxStreamCreate = nullptr;
  decltype(::cuGetErrorString)* cuGetErrorString = nullptr;
};

const Driver& theDriver() {
  static const Driver driver;
  return driver;
}

Result<void> check(CUresult result, const char* what) {
  if (result == CUDA_SUCCESS) return {};
  const char* text = nullptr;
  theDriver().cuGetErrorString(result, &text);
  return fail(ErrorCode::kUnsupported, "the driver refuses {}: {}", what,
              text != nullptr ? text : "unknown error");
}

class GreenContexts final : public SmPartition {
 public:
  GreenContexts() = default;
  GreenContexts(const GreenContexts&) = delete;
  GreenContexts& operator=(const GreenContexts&) = delete;
  ~GreenContexts() override {
    for (CUgreenCtx context : m_contexts)
      if (!gpuIsStuck) theDriver().cuGreenCtxDestroy(context);
  }

  Result<void> open(int32_t number, int32_t parts) {
    const Driver& driver = theDriver();
    CUdevice device = 0;
    CUdevResource all{};
    CARACAL_CHECK_OK(check(driver.cuDeviceGet(&device, number), "the GPU"));
    CARACAL_CHECK_OK(
        check(driver.cuDeviceGetDevResource(device, &all, CU_DEV_RESOURCE_TYPE_SM), "its parts"));
    auto groups = static_cast<unsigned int>(parts);
    std::vector<CUdevResource> resources(groups);
    CARACAL_CHECK_OK(check(driver.cuDevSmResourceSplitByCount(resources.data(), &groups, &all,
                                                              nullptr, 0, largest(all, groups)),
                           "to split its multiprocessors"));
    if (groups < static_cast<unsigned int>(parts)) {
      return fail(ErrorCode::kUnsupported, "{} multiprocessors make {} parts, not {}",
                  all.sm.smCount, groups, parts);
    }
    m_multiprocessors = static_cast<int32_t>(resources.front().sm.smCount);
    for (CUdevResource& resource : resources) {
      CUdevResourceDesc description{};
      CARACAL_CHECK_OK(
          check(driver.cuDevResourceGenerateDesc(&description, &resource, 1), "a part"));
      CUgreenCtx context{};
      CARACAL_CHECK_OK(
          check(driver.cuGreenCtxCreate(&context, description, device, CU_GREEN_CTX_DEFAULT_STREAM),
                "a green context"));
      m_contexts.push_back(context);
    }
    return {};
  }

  int32_t multiprocessors() const override { return m_multiprocessors; }

  Result<Stream> makeStream(int32_t part, Priority priority) override {
    CARACAL_TRY(value, priorityValue(priority));
    CUstream stream = nullptr;
    CARACAL_CHECK_OK(
        check(theDriver().cuGreenCtxStreamCreate(&stream, m_contexts[static_cast<size_t>(part)],
                                                 CU_STREAM_NON_BLOCKING, value),
              "a stream of a green context"));
    return Stream(stream);
  }

 private:
  // Multiprocessors of a part, a multiple of what the GPU wants: 8 for compute capability 9.
  static unsigned int largest(const CUdevResource& all, unsigned int parts) {
    constexpr unsigned int kStep = 8;
    const unsigned int each = all.sm.smCount / parts / kStep * kStep;
    return each > 0 ? each : kStep;
  }

  int32_t m_multiprocessors = 0;
  std::vector<CUgreenCtx> m_contexts;
};

#endif

}  // namespace

Result<std::unique_ptr<SmPartition>> makeSmPartition(int32_t device, int32_t parts) {
#if CUDART_VERSION >= 12050
  if (theDriver().complete) {
    auto made = std::make_unique<GreenContexts>();
    CARACAL_CHECK_OK(made->open(device, parts));
    return made;
  }
#endif
  static_cast<void>(device);
  static_cast<void>(parts);
  return fail(ErrorCode::kUnsupported,
              "the driver, or the toolkit of this build, is older than CUDA 12.5");
}

}  // namespace caracal::cuda
