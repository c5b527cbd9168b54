// ChainInterfaces: what the layer above must know of a choice (layer_choices.h), numbered, for most
// choices share one with others. Used by chain_search.cpp alone.
#pragma once

#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "core/planner/layer_choices.h"

namespace caracal::planner {

struct ChainInterface {
  double mlpNs = 0;  // operators that bwd.mlp of the layer above can hide
  HostedBytes bytes;
};

class ChainInterfaces {
 public:
  ChainInterfaces() { numberOf({}); }  // number 0: nothing is below, or nothing to know of it

  uint32_t numberOf(const ChainInterface& wanted);
  const ChainInterface& operator[](uint32_t number) const { return m_list[number]; }
  // One that saves as much, and takes as little, as either.
  uint32_t easier(uint32_t a, uint32_t b);

 private:
  std::map<std::pair<double, std::vector<int64_t>>, uint32_t> m_known;  // by what is in it
  std::vector<ChainInterface> m_list;
};

}  // namespace caracal::planner
