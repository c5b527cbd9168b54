// The GPU work of one pass of one stage, in order. Part of kernel_layers.cpp.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/analysis/comm_names.h"
#include "core/analysis/step_model.h"
#include "core/analysis/work_kinds.h"
#include "core/trace/trace.h"

namespace caracal::profile {

enum class KernelClass : uint8_t { kMatrix, kAttention, kOther, kCount };
inline constexpr size_t kKernelClassCount = static_cast<size_t>(KernelClass::kCount);
using ClassTimes = std::array<int64_t, kKernelClassCount>;

// One kernel.
struct Work {
  // The same for kernels of one name; numbers that compilers put behind names do not count
  // ("triton_poi_fused_add_12").
  uint32_t symbol = 0;
  KernelClass kind = KernelClass::kOther;
  bool collective = false;
  int64_t ns = 0;  // of a collective: its transfer part
  // Of a collective its payload, of a matrix product its output, by the recorded shapes of the
  // operator that launched it; -1: not recorded.
  int64_t bytes = -1;
  int64_t beginNs = 0;
};

// Whether collectives inside passes are parts of layers (tensor, context or expert-parallel ones)
// or fall where they will (reductions of data-parallel replicas), and are left out.
enum class LayerCollectives : uint8_t { kParts, kLeftOut };

// Must not outlive the trace.
class PassReader {
 public:
  PassReader(const trace::Trace& trace, LayerCollectives collectives);
  // By begin.
  std::vector<Work> read(const analysis::StageStep& step, const analysis::PassSpan& pass);

 private:
  struct Product {  // an operator that multiplies matrices
    Span span;
    int64_t bytes = 0;
  };
  Work workOf(trace::EventIndex event, const trace::EventArgs& args);
  uint32_t symbolOf(trace::NameId name);
  int64_t productBytes(trace::EventIndex kernel);
  void findProducts();

  const trace::Trace& m_trace;
  LayerCollectives m_collectives;
  analysis::CommNames m_comm;
  analysis::WorkKinds m_kinds;
  analysis::CommKernelFilter m_filter;
  std::unordered_map<trace::EventIndex, int64_t> m_transferNs;
  std::unordered_map<std::string, uint32_t> m_symbols;
  std::map<trace::TrackIndex, std::vector<Product>> m_products;  // by begin
};

}  // namespace caracal::profile
