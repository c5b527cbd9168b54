#include "profiler/cupti_api.h"

#include <dlfcn.h>

namespace caracal::profiler {
namespace {

constexpr uint32_t kOfCuda12 = 19;        // cupti_version.h: v19 is CUDA 12.0, v28 12.9 Update 1
constexpr uint32_t kMajorFactor = 10000;  // since 13.0: 130001 is 13.0 Update 1
constexpr uint32_t kNewestMajor = 13;

bool isKnown(uint32_t version) {
  const uint32_t major = version / kMajorFactor;
  return (major == 0 && version >= kOfCuda12) || major == 12 || major == kNewestMajor;
}

void* open(const std::string& path) {
  if (!path.empty()) return ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  constexpr const char* kNames[] = {"libcupti.so.13", "libcupti.so.12"};
  // A framework that brings its own CUPTI has loaded the one that fits its CUDA.
  for (const char* const name : kNames) {
    if (void* const library = ::dlopen(name, RTLD_NOW | RTLD_NOLOAD)) return library;
  }
  constexpr const char* kPlaces[] = {"libcupti.so.13", "libcupti.so.12", "libcupti.so",
                                     "/usr/local/cuda/lib64/libcupti.so",
                                     "/usr/local/cuda/extras/CUPTI/lib64/libcupti.so"};
  for (const char* const place : kPlaces) {
    if (void* const library = ::dlopen(place, RTLD_NOW | RTLD_LOCAL)) return library;
  }
  return nullptr;
}

template <class Function>
bool lookUp(void* library, const char* name, Function& function) {
  function = reinterpret_cast<Function>(::dlsym(library, name));
  return function != nullptr;
}

// The name of a function that is missing; empty when all are there.
std::string fill(void* library, CuptiApi& api) {
  std::string missing;
  const auto need = [&](const char* name, auto& function) {
    if (!lookUp(library, name, function) && missing.empty()) missing = name;
  };
  need("cuptiGetVersion", api.getVersion);
  need("cuptiGetResultString", api.getResultString);
  need("cuptiSubscribe", api.subscribe);
  need("cuptiGetCallbackName", api.getCallbackName);
  need("cuptiGetTimestamp", api.getTimestamp);
  need("cuptiActivityRegisterCallbacks", api.registerCallbacks);
  need("cuptiActivityRegisterTimestampCallback", api.registerTimestampCallback);
  need("cuptiActivityEnable", api.enable);
  need("cuptiActivityDisable", api.disable);
  need("cuptiActivityFlushAll", api.flushAll);
  need("cuptiActivityGetNextRecord", api.getNextRecord);
  need("cuptiActivityGetNumDroppedRecords", api.getNumDroppedRecords);
  need("cuptiSetThreadIdType", api.setThreadIdType);
  lookUp(library, "cuptiActivityEnableRuntimeApi", api.enableRuntimeApi);
  lookUp(library, "cuptiActivityEnableDriverApi", api.enableDriverApi);
  return missing;
}

}  // namespace

std::string CuptiApi::resultText(CUptiResult result) const {
  const char* text = nullptr;
  if (getResultString && getResultString(result, &text) == CUPTI_SUCCESS && text) return text;
  return "CUPTI error " + std::to_string(static_cast<int>(result));
}

std::string cuptiVersionText(uint32_t version) {
  if (version >= kMajorFactor) {
    return std::to_string(version / kMajorFactor) + "." +
           std::to_string(version % kMajorFactor / 100);
  }
  // cupti_version.h; 12.1 did not change the number, 25 is not listed.
  constexpr const char* kOf12[] = {"12.0", "12.2", "12.3", "12.4", "12.5",
                                   "12.6", "12.6", "12.8", "12.9", "12.9"};
  const uint32_t index = version - kOfCuda12;
  return version >= kOfCuda12 && index < std::size(kOf12) ? kOf12[index]
                                                          : "v" + std::to_string(version);
}

CuptiFound loadCupti(const std::string& path) {
  CuptiFound found;
  void* const library = open(path);
  if (!library) {
    const char* const why = path.empty() ? nullptr : ::dlerror();
    found.problem = path.empty() ? "libcupti.so.13 is not found; add CUDA's lib folder to "
                                   "LD_LIBRARY_PATH, or name it with --cupti"
                                 : std::string("CUPTI cannot be loaded: ") + (why ? why : path);
    return found;
  }
  CuptiApi api;
  const std::string missing = fill(library, api);
  if (!missing.empty()) {
    found.problem = "the CUPTI that is found has no " + missing + "; CUDA 12 or 13 is needed";
    return found;
  }
  if (api.getVersion(&found.version) != CUPTI_SUCCESS) found.version = 0;
  if (!isKnown(found.version)) {
    found.problem = "CUPTI " + cuptiVersionText(found.version) +
                    " is found; the recorder reads the records of CUDA 12 and 13";
    return found;
  }
  api.version = found.version;
  found.api = api;
  return found;
}

}  // namespace caracal::profiler
