// Names of kernels as Nsight Systems shows them, from the mangled symbol that CUPTI gives.
#pragma once

#include <string>

namespace caracal::recorder {

// "_Z4gemmIfEvPT_" -> "void gemm<float>(float*)"; what is not mangled stays as it is.
std::string demangled(const std::string& symbol);

// The bare function name of a signature: "void at::native::gemm<float>(float*)" -> "gemm".
std::string shortName(const std::string& signature);

}  // namespace caracal::recorder
