// A job so small that caracal-run trains it in milliseconds, profiled for another machine.
#pragma once

#include <memory>
#include <string>

#include "core/profile/profile.h"

namespace caracal::test {

// Its model description.
std::string tinyModelJson();
// 2 stages of 2 tensor-parallel ranks, 4 layers.
std::shared_ptr<const profile::Profile> tinyProfile();

}  // namespace caracal::test
