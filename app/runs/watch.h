// Watch: how long work is followed and stopped from outside; every part may be empty.
#pragma once

#include <functional>
#include <stop_token>
#include <string_view>

#include "core/base/progress.h"

namespace caracal::runs {

struct Watch {
  std::stop_token stop;
  Progress progress;
  std::function<void(std::string_view)> warn;  // worth saying, nothing failed

  void warning(std::string_view words) const {
    if (warn) warn(words);
  }
};

}  // namespace caracal::runs
