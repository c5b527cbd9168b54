// Op-level pipeline tracers, which record whole passes and transfers instead of kernels:
// MegatronApp (begin/end pairs, pid = stage) and ByteDance's (rows named "PP rank p, TP rank t,
// lane", pid = data-parallel rank). One file holds all ranks; docs/trace-conventions.md says how
// they look in a Trace.
#pragma once

#include <memory>

#include "core/import/importer.h"

namespace caracal::import::pipeline {

std::unique_ptr<Importer> makePipelineImporter();

}  // namespace caracal::import::pipeline
