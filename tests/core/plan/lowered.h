// Lowers plans that must be possible.
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "core/plan/program.h"
#include "tests/support/layers.h"

namespace caracal::plan {

inline Program lowered(const profile::Profile& profile, const Plan& plan) {
  auto program = lower(profile, plan);
  EXPECT_TRUE(program.has_value()) << (program ? "" : program.error().text());
  return program ? *program : Program{};
}

inline Program loweredWith(const profile::Profile& profile, const std::string& policy) {
  return lowered(profile, test::makePlanOf(profile, {test::placements(profile.kinds[0], policy)}));
}

}  // namespace caracal::plan
