// The string of Megatron-LM's --pipeline-model-parallel-layout: E embedding, t decoder layer, m
// multi-token-prediction layer, L loss; `|` between stages, commas for the eye, `x*n` and `(...)*n`
// repeat, no nesting, no blanks (docs/user-guide/features/pipeline_parallel_layout.md there).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"

namespace caracal::exporter {

// "Et*9|t*8|t*8|t*7,L". REQUIRES at least one stage.
std::string layoutText(const std::vector<int32_t>& layersOfStage);

// The letters of each stage, repeats written out: {"Ettt", "tttL"}. Fails on what the target's
// parser refuses: other characters, unclosed or nested groups, a repeat without a number.
Result<std::vector<std::string>> parseLayout(std::string_view text);

}  // namespace caracal::exporter
