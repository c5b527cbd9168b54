// Steps that annotations number themselves, for runs without PyTorch's "ProfilerStep#N".
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace caracal::analysis {

struct NumberedStep {
  std::string_view word;  // what stands before the number: ranges of one word count together
  int32_t number = -1;
};

// "iteration12", "Iteration #3", "train_step 7", "step:4", "global_step=9". Nothing for all other
// names: a "batch 3" or an "epoch 2" may be a part of a step or many of them.
std::optional<NumberedStep> numberedStep(std::string_view name);

}  // namespace caracal::analysis
