// The functions of CUPTI that the recorder uses, looked up at run time: nothing is linked to it.
#pragma once

#include <cupti.h>

#include <cstdint>
#include <string>

static_assert(CUPTI_API_VERSION >= 130000,
              "the recorder is written against the records of CUPTI 13; it reads those of 12 too");

namespace caracal::profiler {

struct CuptiApi {
  decltype(&::cuptiGetVersion) getVersion = nullptr;
  decltype(&::cuptiGetResultString) getResultString = nullptr;
  decltype(&::cuptiSubscribe) subscribe = nullptr;
  decltype(&::cuptiGetCallbackName) getCallbackName = nullptr;
  decltype(&::cuptiGetTimestamp) getTimestamp = nullptr;
  decltype(&::cuptiActivityRegisterCallbacks) registerCallbacks = nullptr;
  decltype(&::cuptiActivityRegisterTimestampCallback) registerTimestampCallback = nullptr;
  decltype(&::cuptiActivityEnable) enable = nullptr;
  decltype(&::cuptiActivityDisable) disable = nullptr;
  decltype(&::cuptiActivityFlushAll) flushAll = nullptr;
  decltype(&::cuptiActivityGetNextRecord) getNextRecord = nullptr;
  decltype(&::cuptiActivityGetNumDroppedRecords) getNumDroppedRecords = nullptr;
  decltype(&::cuptiSetThreadIdType) setThreadIdType = nullptr;
  // Since CUDA 12.5; may be null.
  decltype(&::cuptiActivityEnableRuntimeApi) enableRuntimeApi = nullptr;
  decltype(&::cuptiActivityEnableDriverApi) enableDriverApi = nullptr;
  uint32_t version = 0;  // as cuptiGetVersion() gives it: 28 for CUDA 12.9.1, 130001 for 13.0.1

  bool isLoaded() const { return version != 0; }
  std::string resultText(CUptiResult result) const;
};

struct CuptiFound {
  CuptiApi api;          // isLoaded() when usable
  uint32_t version = 0;  // of the library found, usable or not; 0: none
  std::string problem;   // why it is not usable, in words
};

// Loads `path`, or where that is empty the CUPTI that the process has loaded already, else the one
// that the loader finds, else the toolkit's. Starts nothing.
CuptiFound loadCupti(const std::string& path);

// "12.9" for 28 and 27, "13.0" for 130001.
std::string cuptiVersionText(uint32_t version);

}  // namespace caracal::profiler
