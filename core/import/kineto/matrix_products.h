// What PyTorch's matrix products make, by the shapes that a profiler with record_shapes wrote down.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace caracal::import::kineto {

// aten::mm, bmm, addmm or baddbmm: each launches the product itself and none calls another.
bool isMatrixProduct(std::string_view operatorName);

// Bytes of the output, from the JSON text of "Input Dims" ([[m, k], [k, n]]; behind the added
// matrix of addmm and baddbmm) and "Input type" (["c10::BFloat16", ...]); none where they do not
// say.
std::optional<int64_t> matrixProductBytes(std::string_view operatorName,
                                          std::string_view inputDimensions,
                                          std::string_view inputTypes);

}  // namespace caracal::import::kineto
