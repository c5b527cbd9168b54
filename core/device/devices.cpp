#include "core/device/devices.h"

#include <dlfcn.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <system_error>

#include "core/device/cuda_module.h"

namespace caracal::device {
namespace {

namespace fs = std::filesystem;

Result<std::string> findModule(const char* file) {
  std::error_code ignored;
  const fs::path programs = fs::read_symlink("/proc/self/exe", ignored).parent_path();
  for (const fs::path& folder : {programs, programs.parent_path() / "lib"}) {
    const fs::path candidate = folder / file;
    if (fs::exists(candidate, ignored)) return candidate.string();
  }
  return fail(ErrorCode::kNotFound, "this build has no {}; build with CARACAL_CUDA=ON", file);
}

// The entry point of a module. Never unloaded: the driver keeps threads that would run into
// unmapped code.
Result<void*> entryOf(const std::string& path, const char* entry) {
  void* module = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!module) return fail(ErrorCode::kIo, "{} cannot be loaded: {}", path, ::dlerror());
  void* function = ::dlsym(module, entry);
  if (!function)
    return fail(ErrorCode::kIo, "{} has no {}; build all of Caracal anew", path, entry);
  return function;
}

Result<void> checkVersion(const std::string& path, int32_t version) {
  if (version == kCudaModuleVersion) return {};
  return fail(ErrorCode::kUnsupported, "{} is of version {}, this program needs {}", path, version,
              kCudaModuleVersion);
}

std::string plainVersion(int32_t version) {
  return version > 0 ? std::to_string(version) : std::string();
}

CudaReport fromModule(const CaracalCudaReport& raw) {
  CudaReport report;
  report.builtToolkit = cudaVersionText(raw.builtToolkit);
  report.builtNccl = ncclVersionText(raw.builtNccl);
  report.builtNvtx = plainVersion(raw.builtNvtx);
  report.driverCuda = cudaVersionText(raw.driverCuda);
  report.runNccl = ncclVersionText(raw.runNccl);
  report.problem = raw.problem;
  for (int32_t i = 0; i < std::min(raw.deviceCount, kMaxModuleDevices); ++i) {
    const CaracalCudaDevice& device = raw.devices[i];
    report.devices.push_back({device.name, device.totalBytes, device.computeMajor,
                              device.computeMinor, device.multiprocessors});
  }
  return report;
}

}  // namespace

Result<void*> cudaModuleFunction(const char* name) {
  CARACAL_TRY(path, findModule(kCudaModuleFile));
  return entryOf(path, name);
}

Result<CudaReport> queryCuda() {
  CARACAL_TRY(path, findModule(kCudaModuleFile));
  CARACAL_TRY(entry, entryOf(path, kCudaModuleEntry));
  const auto raw = std::make_unique<CaracalCudaReport>();
  reinterpret_cast<CaracalCudaQuery>(entry)(raw.get());
  CARACAL_CHECK_OK(checkVersion(path, raw->moduleVersion));
  return fromModule(*raw);
}

Result<RecorderReport> queryRecorder() {
  CARACAL_TRY(path, findModule(kRecorderFile));
  CARACAL_TRY(entry, entryOf(path, kRecorderEntry));
  CaracalRecorderStatus raw{};
  reinterpret_cast<CaracalRecorderQuery>(entry)(&raw);
  CARACAL_CHECK_OK(checkVersion(path, raw.moduleVersion));
  return RecorderReport{path, cuptiVersionText(raw.builtCupti), cuptiVersionText(raw.runCupti),
                        raw.problem};
}

std::string cudaVersionText(int32_t version) {
  return version > 0 ? fmt::format("{}.{}", version / 1000, version % 1000 / 10) : std::string();
}

std::string ncclVersionText(int32_t version) {
  return version > 0 ? fmt::format("{}.{}.{}", version / 10000, version / 100 % 100, version % 100)
                     : std::string();
}

std::string cuptiVersionText(int32_t version) {
  if (version <= 0) return {};
  if (version < 130000) return fmt::format("API {}", version);
  return fmt::format("{}.{} (API {})", version / 10000, version / 100 % 100, version);
}

}  // namespace caracal::device
