// Search: every block whose name matches a regular expression (RE2 syntax, any case, anywhere in
// the name), in time order. Bubbles are found by their cause, passes also by what is written in
// them ("F3").
#pragma once

#include <stop_token>
#include <string>
#include <vector>

#include "app/ui/timeline/scene.h"
#include "core/base/result.h"

namespace caracal::ui {

struct SearchHits {
  std::string pattern;
  std::vector<BlockRef> hits;  // by begin
};

// Fails with kInvalidInput and RE2's reason for a broken pattern. An empty pattern finds nothing.
Result<SearchHits> searchBlocks(const Scene& scene, const std::string& pattern,
                                std::stop_token stop = {});

}  // namespace caracal::ui
