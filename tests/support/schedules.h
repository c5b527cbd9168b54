// Schedules with sizes that they can run, drawn at random.
#pragma once

#include <string>
#include <vector>

#include "core/plan/schedule.h"
#include "tests/support/layers.h"

namespace caracal::test {

struct SizedSchedule {
  std::string name;
  int32_t devices = 1;
  int32_t microBatches = 1;
};

inline const std::vector<std::string>& scheduleNames() {
  static const std::vector<std::string> names{"1F1B",  "gpipe",   "interleaved:2", "interleaved:3",
                                              "zb-h1", "zb-h2",   "zb-v",          "v-half",
                                              "v-min", "dualpipe"};
  return names;
}

// A schedule of at most `mostDevices` >= 2 devices, cutting the model into at most twice as many
// chunks.
inline SizedSchedule randomSizes(Random& random, const std::string& name, int32_t mostDevices) {
  const auto draw = [&](int64_t low, int64_t high) {
    return static_cast<int32_t>(pick(random, low, high));
  };
  SizedSchedule schedule{name, draw(1, mostDevices), draw(1, 2 * mostDevices + 3)};
  if (name == "dualpipe") {
    schedule.devices = 2 * draw(1, mostDevices / 2);
    schedule.microBatches = 2 * schedule.devices + 2 * draw(0, 3);
  }
  if (name.starts_with("interleaved")) {
    if (name == "interleaved:3") schedule.devices = draw(1, 2 * mostDevices / 3);
    schedule.microBatches = schedule.devices * draw(1, 3);
  }
  return schedule;
}

inline SizedSchedule randomSchedule(Random& random, int32_t mostDevices) {
  const auto& names = scheduleNames();
  const auto last = static_cast<int64_t>(names.size()) - 1;
  return randomSizes(random, names[static_cast<size_t>(pick(random, 0, last))], mostDevices);
}

}  // namespace caracal::test
