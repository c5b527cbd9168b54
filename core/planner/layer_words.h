// What becomes of each tensor of a layer, in words; part of explain().
#pragma once

#include <array>
#include <string>
#include <vector>

#include "core/plan/stage_shape.h"
#include "core/planner/explain.h"

namespace caracal::planner {

// Windows with collectives of a layer behind them.
inline constexpr std::array<plan::WindowId, 5> kCollectiveWindows{
    plan::WindowId::kFwdAttn, plan::WindowId::kFwdMlp, plan::WindowId::kPrevBwdMlp,
    plan::WindowId::kPrevBwdAttn, plan::WindowId::kOwnBwdMlp};

// Policies that never look at windows.
bool ignoresWindows(const std::string& policy);

// One entry per operator of a layer of the stage.
std::vector<TensorExplanation> tensorWords(const plan::StageShape& shape, int32_t layer,
                                           const std::string& policy);

}  // namespace caracal::planner
