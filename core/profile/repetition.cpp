#include "core/profile/repetition.h"

namespace caracal::profile {
namespace {

using Symbols = std::vector<uint32_t>;

bool sameAt(const Symbols& symbols, size_t a, size_t b, size_t length) {
  for (size_t i = 0; i < length; ++i) {
    if (symbols[a + i] != symbols[b + i]) return false;
  }
  return true;
}

std::vector<Stretch> placesOf(const Symbols& symbols, size_t pattern, size_t period) {
  std::vector<Stretch> places;
  for (size_t i = 0; i + period <= symbols.size();) {
    if (sameAt(symbols, pattern, i, period)) {
      places.push_back({i, i + period});
      i += period;
    } else {
      ++i;
    }
  }
  return places;
}

// Where the longest run of symbols[i] == symbols[i + period] begins; size() where none is as long
// as one period, so that nothing stands twice in a row.
size_t firstRepetition(const Symbols& symbols, size_t period) {
  size_t longest = period - 1;
  size_t first = symbols.size();
  size_t run = 0;
  for (size_t i = 0; i + period < symbols.size(); ++i) {
    run = symbols[i] == symbols[i + period] ? run + 1 : 0;
    if (run <= longest) continue;
    longest = run;
    first = i + 1 - run;
  }
  return first;
}

}  // namespace

std::vector<Stretch> findPattern(const Symbols& symbols) {
  std::vector<Stretch> best;
  size_t covered = 0;
  for (size_t period = 1; period * 2 <= symbols.size(); ++period) {
    const size_t first = firstRepetition(symbols, period);
    if (first == symbols.size()) continue;
    // A run may begin inside a layer: of its rotations the first that stands in most places.
    for (size_t pattern = first; pattern < first + period; ++pattern) {
      std::vector<Stretch> places = placesOf(symbols, pattern, period);
      if (places.size() * period <= covered) continue;
      covered = places.size() * period;
      best = std::move(places);
    }
  }
  return best;
}

}  // namespace caracal::profile
