// The times of every operator of a profile, close together: what a replay looks up once per item.
#pragma once

#include <cstdint>
#include <vector>

#include "core/plan/program.h"
#include "core/profile/profile.h"

namespace caracal::sim {

class OperatorTimes {
 public:
  struct Times {
    int64_t forwardNs = 0;
    int64_t backwardNs = 0;       // both gradients
    int64_t inputGradientNs = 0;  // without the weight gradient
  };

  explicit OperatorTimes(const profile::Profile& profile) {
    const size_t last = add(profile.last.operators);
    const size_t first = add(profile.first.operators);
    std::vector<size_t> kinds;
    for (const profile::LayerKind& kind : profile.kinds) kinds.push_back(add(kind.operators));
    m_begin = {last, first};
    for (const uint32_t kind : profile.layers) m_begin.push_back(kinds[kind]);
  }

  // REQUIRES an item with a layer and an operator.
  const Times& of(const plan::Item& item) const {
    return m_times[m_begin[static_cast<size_t>(item.layer - plan::kLastEnd)] +
                   static_cast<size_t>(item.op)];
  }

 private:
  size_t add(const std::vector<profile::Operator>& operators) {
    const size_t begin = m_times.size();
    for (const profile::Operator& op : operators)
      m_times.push_back({op.forwardNs, op.backwardNs, op.backwardNs - op.weightGradientNs()});
    return begin;
  }

  static_assert(plan::kLastEnd == -2 && plan::kFirstEnd == -1, "ends come before the layers");
  std::vector<Times> m_times;
  std::vector<size_t> m_begin;  // kLastEnd, kFirstEnd, then the layers
};

}  // namespace caracal::sim
