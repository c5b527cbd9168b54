// NVTX's functions, as this process calls them: the messages go to the Recorder.
#pragma once

#include <nvtx3/nvToolsExt.h>
#include <nvtx3/nvToolsExtPayload.h>

namespace caracal::profiler {

// Fills the function tables of one NVTX instance (each library of a program may hold its own).
// False when the instance offers none.
bool attachNvtx(NvtxGetExportTableFunc_t getExportTable) noexcept;
// Fills the slots of NVTX's payload extension; false for other extensions.
bool attachNvtxExtension(nvtxExtModuleInfo_t* module) noexcept;

}  // namespace caracal::profiler
