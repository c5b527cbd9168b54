#include "runtime/comm/layout.h"

namespace caracal::comm {

Position positionOf(const profile::ParallelShape& parallel, int32_t rank) {
  Position position;
  position.rank = rank;
  position.tensor = rank % parallel.tensor;
  position.data = rank / parallel.tensor % parallel.data;
  position.stage = rank / parallel.tensor / parallel.data;
  return position;
}

}  // namespace caracal::comm
