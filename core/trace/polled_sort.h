// A stable sort that notices a request to stop within milliseconds, also of a hundred million
// values.
#pragma once

#include <algorithm>
#include <cstddef>
#include <stop_token>
#include <utility>
#include <vector>

#include "core/trace/polled_range.h"

namespace caracal::trace {

// Moves the sorted runs [first, middle) and [middle, last) of `from` into `to`, merged. False:
// stopped.
template <class T, class Less>
bool mergeRuns(std::vector<T>& from, std::vector<T>& to, size_t first, size_t middle, size_t last,
               const Less& less, const std::stop_token& stop) {
  size_t left = first, right = middle;
  for (const size_t out : PolledRange<size_t>(first, last, stop)) {
    const bool takeRight = left == middle || (right < last && less(from[right], from[left]));
    to[out] = std::move(from[takeRight ? right++ : left++]);
  }
  return !stop.stop_requested();
}

// False: stopped; the order of `values` is then unspecified.
template <class T, class Less>
bool polledStableSort(std::vector<T>& values, const Less& less, const std::stop_token& stop) {
  if (std::is_sorted(values.begin(), values.end(), less)) return !stop.stop_requested();
  for (size_t first = 0; first < values.size(); first += kBetweenPolls) {
    if (isStopRequested(stop)) return false;
    const size_t last = std::min(first + kBetweenPolls, values.size());
    std::stable_sort(values.begin() + static_cast<std::ptrdiff_t>(first),
                     values.begin() + static_cast<std::ptrdiff_t>(last), less);
  }
  if (values.size() <= kBetweenPolls) return true;
  std::vector<T> other(values.size());
  for (size_t run = kBetweenPolls; run < values.size(); run *= 2) {
    for (size_t first = 0; first < values.size(); first += 2 * run) {
      const size_t middle = std::min(first + run, values.size());
      const size_t last = std::min(first + 2 * run, values.size());
      if (!mergeRuns(values, other, first, middle, last, less, stop)) return false;
    }
    values.swap(other);
  }
  return true;
}

}  // namespace caracal::trace
