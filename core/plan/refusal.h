// What validate() answers for a plan that cannot be: where, and what to do.
#pragma once

#include <string>
#include <utility>

#include "core/base/result.h"

namespace caracal::plan {

inline tl::unexpected<Error> refused(std::string where, std::string message,
                                     ErrorCode code = ErrorCode::kInvalidInput) {
  return tl::unexpected(Error{code, std::move(message), std::move(where)});
}

}  // namespace caracal::plan
