// How the ranks of a group share a tensor.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace caracal::comm {

// A member's part of `count` elements: consecutive parts of equal size, the last ones shorter or
// empty where it does not divide.
struct Part {
  size_t begin = 0, count = 0;
};

inline size_t partSize(size_t count, int32_t members) {
  const auto ranks = static_cast<size_t>(members);
  return (count + ranks - 1) / ranks;
}

inline Part partOf(size_t count, int32_t member, int32_t members) {
  const size_t each = partSize(count, members);
  const size_t begin = std::min(count, static_cast<size_t>(member) * each);
  return {begin, std::min(each, count - begin)};
}

}  // namespace caracal::comm
