// RebuildMoments: memory while the late work of a stage's top layer runs, bounded from below. While
// a tensor is rebuilt, what it is made from is there, and so is whatever was rebuilt on the way to
// it and is still to be read. Used by fate_search.cpp alone.
#pragma once

#include <cstdint>
#include <vector>

#include "core/planner/fate_table.h"

namespace caracal::planner {

class RebuildMoments {
 public:
  RebuildMoments(const FateTable& table, const HeuProblem& problem, const StageModel& model);

  // The least peak of any windows for these fates at those moments; `bytes` is what the fates hold
  // at each row. 0, which is no help, for layers of more than 64 operators.
  int64_t leastPeak(const Fates& fates, const Rows& bytes);

 private:
  using Set = uint64_t;  // of the layer's tensors, by their place in forward order
  struct Tensor {
    size_t variable = 0;
    int64_t liveBytes = 0, retainedBytes = 0;
    Set inputs = 0;
  };
  template <typename Visit>
  static void forEach(Set set, const Visit& visit) {
    for (; set != 0; set &= set - 1) visit(static_cast<size_t>(__builtin_ctzll(set)));
  }
  int64_t liveBytes(Set set) const;

  std::vector<Tensor> m_tensors;  // of the top layer, in forward order
  Set m_readByMlp = 0, m_readByAttn = 0;
  std::vector<Set> m_madeFrom;  // per tensor: what is rebuilt before it for its sake
};

}  // namespace caracal::planner
