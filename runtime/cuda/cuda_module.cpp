// libcaracal_cuda.so: see core/device/cuda_module.h and backend_entry.h.
#include "core/device/cuda_module.h"

#include <cuda.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "core/device/devices.h"
#include "runtime/cuda/cuda_backend.h"
#include "runtime/cuda/dynamic_library.h"
#include "runtime/cuda/matrix_rate.h"
#include "runtime/cuda/nccl_api.h"
#if __has_include(<nccl.h>)
#include <nccl.h>
#else
#define NCCL_VERSION_CODE 0
#endif
#if __has_include(<nvtx3/nvToolsExt.h>)
#include <nvtx3/nvToolsExt.h>
#else
#define NVTX_VERSION 0
#endif

namespace {

using caracal::cuda::DynamicLibrary;
using caracal::device::CaracalCudaDevice;
using caracal::device::CaracalCudaReport;

// The driver's functions by the names they carry in libcuda.so.1; headers rename some with macros.
struct Driver {
  DynamicLibrary library{"libcuda.so.1"};
  CUresult (*init)(unsigned int) = library.function<CUresult(unsigned int)>("cuInit");
  CUresult (*version)(int*) = library.function<CUresult(int*)>("cuDriverGetVersion");
  CUresult (*count)(int*) = library.function<CUresult(int*)>("cuDeviceGetCount");
  CUresult (*get)(CUdevice*, int) = library.function<CUresult(CUdevice*, int)>("cuDeviceGet");
  CUresult (*name)(char*, int,
                   CUdevice) = library.function<CUresult(char*, int, CUdevice)>("cuDeviceGetName");
  CUresult (*memory)(size_t*, CUdevice) =
      library.function<CUresult(size_t*, CUdevice)>("cuDeviceTotalMem_v2");
  CUresult (*attribute)(int*, CUdevice_attribute, CUdevice) =
      library.function<CUresult(int*, CUdevice_attribute, CUdevice)>("cuDeviceGetAttribute");
  CUresult (*errorText)(CUresult, const char**) =
      library.function<CUresult(CUresult, const char**)>("cuGetErrorString");

  bool complete() const {
    return init && version && count && get && name && memory && attribute && errorText;
  }
};

void setProblem(CaracalCudaReport& report, const char* what, const char* why) {
  std::snprintf(report.problem, sizeof report.problem, "%s%s%s", what, *why ? ": " : "", why);
}

void setProblem(CaracalCudaReport& report, const Driver& driver, CUresult result,
                const char* what) {
  const char* text = nullptr;
  driver.errorText(result, &text);
  setProblem(report, what, text ? text : "unknown error");
}

CaracalCudaDevice describe(const Driver& driver, CUdevice device) {
  CaracalCudaDevice row{};
  driver.name(row.name, sizeof row.name, device);
  size_t bytes = 0;
  driver.memory(&bytes, device);
  row.totalBytes = static_cast<int64_t>(bytes);
  driver.attribute(&row.computeMajor, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR, device);
  driver.attribute(&row.computeMinor, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR, device);
  driver.attribute(&row.multiprocessors, CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT, device);
  return row;
}

// Read by the driver when it starts. With its usual 8 connections to the GPU, streams of ranks and
// links would share them, and operators wait behind a link that is held.
void askForConnections() {
  setenv("CUDA_DEVICE_MAX_CONNECTIONS", "32", 0);
}

void queryDevices(CaracalCudaReport& report) {
  static const Driver driver;
  askForConnections();
  if (!driver.library.found())
    return setProblem(report, "no NVIDIA driver (libcuda.so.1 is not there)", "");
  if (!driver.complete())
    return setProblem(report, "libcuda.so.1 lacks functions this program needs", "");
  driver.version(&report.driverCuda);
  if (const CUresult result = driver.init(0); result != CUDA_SUCCESS) {
    return setProblem(report, driver, result, "the NVIDIA driver does not start");
  }
  int count = 0;
  if (const CUresult result = driver.count(&count); result != CUDA_SUCCESS) {
    return setProblem(report, driver, result, "the NVIDIA driver lists no devices");
  }
  if (count == 0) return setProblem(report, "the NVIDIA driver finds no GPU", "");
  for (int i = 0; i < std::min<int>(count, caracal::device::kMaxModuleDevices); ++i) {
    CUdevice device = 0;
    if (driver.get(&device, i) != CUDA_SUCCESS) continue;
    report.devices[report.deviceCount++] = describe(driver, device);
  }
}

int32_t ncclVersion() {
  static const DynamicLibrary library("libnccl.so.2");
  auto* const get = library.function<int(int*)>("ncclGetVersion");
  int version = 0;
  return get && get(&version) == 0 ? version : 0;
}

// GPU `number`; `more`: what else to say where there is no such one.
caracal::Result<CaracalCudaDevice> findGpu(int32_t number, const char* more = "") {
  CaracalCudaReport report{};
  queryDevices(report);
  if (report.deviceCount == 0) {
    return caracal::fail(caracal::ErrorCode::kNotFound, "{}; --backend cpu needs no GPU",
                         report.problem);
  }
  if (number < 0 || number >= report.deviceCount) {
    return caracal::fail(caracal::ErrorCode::kNotFound, "there is no GPU {}; this machine has {}{}",
                         number, report.deviceCount, more);
  }
  return report.devices[number];
}

caracal::Result<caracal::cuda::LoadedBackend> load(
    const caracal::cuda::CudaBackendOptions& options) {
  CARACAL_TRY(gpu,
              findGpu(options.device,
                      options.separateProcesses
                          ? ", and each process needs one of its own: start as many a machine, "
                            "or one process alone, whose ranks share a GPU"
                          : ""));
  std::string nccl;
  if (options.separateProcesses) {
    CARACAL_TRY(api, caracal::cuda::nccl::api());
    int version = 0;
    api->getVersion(&version);
    nccl = ", NCCL " + caracal::device::ncclVersionText(version);
  }
  caracal::cuda::LoadedBackend loaded;
  loaded.backend = std::make_unique<caracal::cuda::CudaBackend>(options);
  loaded.facts = caracal::cuda::cudaFacts(options);
  loaded.facts.memoryBytes = gpu.totalBytes;
  loaded.facts.deviceName = gpu.name + nccl;
  return loaded;
}

}  // namespace

extern "C" __attribute__((visibility("default"))) void caracalCudaQuery(CaracalCudaReport* report) {
  *report = {};
  report->moduleVersion = caracal::device::kCudaModuleVersion;
  report->builtToolkit = CUDA_VERSION;
  report->builtNccl = NCCL_VERSION_CODE;
  report->builtNvtx = NVTX_VERSION;
  report->runNccl = ncclVersion();
  queryDevices(*report);
}

extern "C" __attribute__((visibility("default"))) void caracalCudaBackend(
    const caracal::cuda::CudaBackendOptions& options,
    caracal::Result<caracal::cuda::LoadedBackend>& made) {
  made = load(options);
}

extern "C" __attribute__((visibility("default"))) void caracalCudaMatrixRates(
    int32_t device, const std::vector<caracal::cuda::MatrixSize>& sizes, int32_t repeats,
    caracal::Result<std::vector<caracal::cuda::MatrixRate>>& rates) {
  if (const auto gpu = findGpu(device); !gpu) {
    rates = tl::unexpected(gpu.error());
    return;
  }
  cudaSetDevice(device);
  rates = caracal::cuda::measureMatrixRates(sizes, repeats);
}
