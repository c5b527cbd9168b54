// Labels of NVTX ranges in domain "caracal" (contracts.md section 4), as numbers.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "core/trace/trace.h"

namespace caracal::import::nsys {

struct CaracalLabel {
  enum class Role { kStep, kPass, kLayer, kOther };
  Role role = Role::kOther;
  trace::Pass pass = trace::Pass::kNone;  // kPass
  int32_t number = -1;                    // step, micro-batch or layer
  int32_t stage = -1;                     // kPass
  int32_t chunk = -1;                     // kPass; of the stage, when it holds several
  bool operator==(const CaracalLabel&) const = default;
};

// "step:3", "F:0:1", "F:0:1:2", "layer:7"; what is none of these, or is malformed, has role kOther.
CaracalLabel parseCaracalLabel(std::string_view text);

}  // namespace caracal::import::nsys
