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

// Hits beyond this many, in time order, are counted and not kept.
inline constexpr size_t kMostHits = 200'000;

struct SearchHits {
  std::string pattern;
  std::vector<BlockRef> hits;   // by begin
  std::vector<int64_t> begins;  // of the hits
  int64_t longestNs = 0;        // of the hits
  size_t total = 0;             // all that match, kept or not
};

// Fails with kInvalidInput and RE2's reason for a broken pattern. An empty pattern finds nothing.
Result<SearchHits> searchBlocks(const Scene& scene, const std::string& pattern,
                                std::stop_token stop = {});

}  // namespace caracal::ui
