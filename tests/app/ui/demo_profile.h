// A small profile for tests of the plan panel: 8 layers on 2 stages, made from a model description,
// so that operators, windows and memory are those of a real GPT layer.
#pragma once

#include <memory>

#include "core/profile/profile.h"

namespace caracal::test {

std::shared_ptr<const profile::Profile> demoProfile();

}  // namespace caracal::test
