// Durations of operators and collectives with and without company, gathered over recordings; part
// of calibrate().
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "core/profile/calibration.h"
#include "core/trace/trace.h"

namespace caracal::profile {

class ContentionSamples {
 public:
  // Steps after the first of a recording; operators of a layer, their kinds from `layer`.
  void add(const trace::Trace& trace, const LayerKind& layer);

  std::vector<SlowDown> operatorsBeside() const;
  std::vector<SlowDown> collectivesBeside() const;

 private:
  struct Durations {
    std::vector<int64_t> alone, beside;
  };
  // By class and, inside it, by what is compared with itself: an operator, a collective.
  using ByClass = std::map<std::pair<std::string, std::string>, Durations>;
  static std::vector<SlowDown> slowDownsOf(const ByClass& durations);

  ByClass m_operators, m_collectives;
};

}  // namespace caracal::profile
