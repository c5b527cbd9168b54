#include "runtime/executor/replica_checkpoint.h"

#include <algorithm>
#include <span>

#include "runtime/comm/float_bytes.h"

namespace caracal::executor {
namespace {

void append(comm::Bytes& bytes, std::span<const float> values) {
  const auto added = std::as_bytes(values);
  bytes.insert(bytes.end(), added.begin(), added.end());
}

// All parameters of one rank of the first replica, put together from what all replicas know.
class WholeRank {
 public:
  WholeRank(const Job& job, const comm::Position& position)
      : m_layers(layersOf(job, position.stage)),
        m_layout(model::rankShape(job.model.shape, job.model.parallel, position.tensor), m_layers),
        m_buckets(model::bucketsOf(m_layout, m_layers.reductions)),
        m_moments1(static_cast<size_t>(m_layout.count())),
        m_moments2(m_moments1.size()) {}

  int32_t stateShards() const { return m_layers.reductions.stateShards; }

  void take(int32_t replica, std::span<const float> values) {
    if (replica == 0) {
      m_weights = values.first(m_moments1.size());
      values = values.subspan(m_moments1.size());
    }
    const size_t state = values.size() / 2;
    for (const model::OwnedRange& range : model::ownedRanges(m_buckets, replica, stateShards())) {
      const auto from = static_cast<size_t>(range.state), count = static_cast<size_t>(range.count);
      std::ranges::copy(values.subspan(from, count), m_moments1.begin() + range.begin);
      std::ranges::copy(values.subspan(state + from, count), m_moments2.begin() + range.begin);
    }
  }
  StoredParameters stored() const { return {m_layout.specs(), m_weights, m_moments1, m_moments2}; }

 private:
  model::HeldLayers m_layers;
  model::ParameterLayout m_layout;
  std::vector<model::Bucket> m_buckets;
  std::span<const float> m_weights;
  std::vector<float> m_moments1, m_moments2;
};

}  // namespace

bool handsIntoCheckpoint(const Job& job, const comm::Position& position) {
  return position.data == 0 || job.distributedOptimizer;
}

comm::Bytes checkpointPart(const comm::Position& position,
                           const model::ParameterStore& parameters) {
  comm::Bytes bytes;
  if (position.data == 0) append(bytes, parameters.weights());
  append(bytes, parameters.moments1());
  append(bytes, parameters.moments2());
  return bytes;
}

Result<void> writeCheckpoint(const std::string& path, const Progressed& progressed, const Job& job,
                             const std::vector<comm::Bytes>& handedIn) {
  const profile::ParallelShape& parallel = job.model.parallel;
  std::vector<WholeRank> ranks;
  for (int32_t rank = 0; rank < parallel.ranks(); ++rank) {
    const comm::Position position = comm::positionOf(parallel, rank);
    if (position.data != 0) continue;
    WholeRank& whole = ranks.emplace_back(job, position);
    for (int32_t replica = 0; replica < whole.stateShards(); ++replica) {
      const auto from = static_cast<size_t>(rank + replica * parallel.tensor);
      whole.take(replica, comm::floatsOf(handedIn[from]));
    }
  }
  std::vector<StoredParameters> stored;
  for (const WholeRank& rank : ranks) stored.push_back(rank.stored());
  return writeCheckpoint(path, progressed, stored);
}

}  // namespace caracal::executor
