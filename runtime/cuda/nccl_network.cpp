#include "runtime/cuda/nccl_network.h"

#include <algorithm>
#include <numeric>

namespace caracal::cuda {
namespace {

constexpr std::chrono::seconds kFarewell{3};  // for all ranks to let go together

}  // namespace

std::vector<std::vector<Direction>> ringRounds(int32_t positions) {
  std::vector<std::vector<Direction>> rounds;
  const auto isIn = [](const std::vector<Direction>& round, int32_t position) {
    return std::any_of(round.begin(), round.end(), [&](const Direction& d) {
      return d.first == position || d.second == position;
    });
  };
  const auto add = [&](const Direction& direction) {
    const auto free = std::find_if(rounds.begin(), rounds.end(), [&](const auto& round) {
      return !isIn(round, direction.first) && !isIn(round, direction.second);
    });
    (free == rounds.end() ? rounds.emplace_back() : *free).push_back(direction);
  };
  for (const int32_t step : {1, positions - 1}) {
    for (int32_t from = 0; from < positions; ++from) add({from, (from + step) % positions});
    if (positions <= 2) break;  // both ways round lead to the same neighbour
  }
  return rounds;
}

NcclNetwork::NcclNetwork(const Resources& resources, const comm::Position& position,
                         const profile::ParallelShape& parallel)
    : m_resources(resources),
      m_position(position),
      m_parallel(parallel),
      m_watch(std::make_unique<NcclWatch>(*resources.monitor, *resources.mailbox, resources.device,
                                          position.rank)),
      m_context{resources.api, resources.events, resources.mailbox, m_watch.get()},
      m_to(static_cast<size_t>(parallel.pipeline)),
      m_from(static_cast<size_t>(parallel.pipeline)) {}

Result<std::unique_ptr<NcclNetwork>> NcclNetwork::make(const Resources& resources,
                                                       const comm::Position& position,
                                                       const profile::ParallelShape& parallel) {
  auto network = std::unique_ptr<NcclNetwork>(new NcclNetwork(resources, position, parallel));
  CARACAL_CHECK_OK(network->join());
  CARACAL_CHECK_OK(network->makeGroups());
  if (parallel.pipeline > 1) CARACAL_CHECK_OK(network->makeChannels());
  network->m_watch->start(network->communicators());
  return network;
}

Result<void> NcclNetwork::join() {
  const int32_t ranks = m_parallel.ranks();
  nccl::UniqueId id{};
  if (m_position.rank == 0) {
    const nccl::Status status = m_resources.api->getUniqueId(&id);
    if (status != nccl::Status::kSuccess) {
      return fail(ErrorCode::kIo, "NCCL does not start: {}",
                  m_resources.api->getErrorString(status));
    }
    m_resources.mailbox->tellId(id, ranks);
  } else {
    CARACAL_TRY(told, m_resources.mailbox->awaitId());
    id = told;
  }
  NcclGroupName all{{"whole", std::vector<int32_t>(static_cast<size_t>(ranks))}, m_splits++};
  std::iota(all.group.ranks.begin(), all.group.ranks.end(), 0);
  CARACAL_TRY(world, NcclCommunicator::join(*m_resources.api, *m_resources.monitor, id,
                                            std::move(all), m_position.rank));
  m_world = std::move(world);
  return {};
}

Result<std::unique_ptr<NcclCommunicator>> NcclNetwork::split(comm::Group group, int color,
                                                             int key) {
  return m_world->split({std::move(group), m_splits++}, color, key, m_resources.mostCtas);
}

Result<void> NcclNetwork::makeGroups() {
  const auto make = [&](std::unique_ptr<NcclGroup>& made, const char* name, int32_t members,
                        int32_t own, int32_t stride, Priority priority) -> Result<void> {
    if (members == 1) return {};
    const int32_t first = m_position.rank - own * stride;
    comm::Group group{name, {}};
    for (int32_t m = 0; m < members; ++m) group.ranks.push_back(first + m * stride);
    CARACAL_TRY(communicator, split(std::move(group), first, own));
    CARACAL_TRY(lane, NcclLane::make(m_context, std::move(communicator), priority));
    made = std::make_unique<NcclGroup>(std::move(lane));
    return {};
  };
  CARACAL_CHECK_OK(make(m_tensor, "tensor-parallel", m_parallel.tensor, m_position.tensor, 1,
                        Priority::kHighest));
  return make(m_data, "data-parallel", m_parallel.data, m_position.data, m_parallel.tensor,
              Priority::kMiddle);
}

int32_t NcclNetwork::rankAt(int32_t stage) const {
  return m_position.rank + (stage - m_position.stage) * m_parallel.tensor * m_parallel.data;
}

Result<void> NcclNetwork::makeChannels() {
  for (const std::vector<Direction>& round : ringRounds(m_parallel.pipeline)) {
    const auto own = std::find_if(round.begin(), round.end(), [&](const Direction& d) {
      return d.first == m_position.stage || d.second == m_position.stage;
    });
    if (own == round.end()) {
      CARACAL_CHECK_OK(split({}, nccl::kNoColor, 0));
      continue;
    }
    const auto [from, to] = *own;
    const bool sends = from == m_position.stage;
    comm::Group group{"pipeline", {rankAt(from), rankAt(to)}};
    CARACAL_TRY(communicator, split(std::move(group), rankAt(from), sends ? 0 : 1));
    CARACAL_TRY(lane, NcclLane::make(m_context, std::move(communicator), Priority::kHighest));
    if (sends) {
      m_to[static_cast<size_t>(to)] =
          std::make_unique<NcclSender>(m_context, std::move(lane), rankAt(to));
    } else {
      m_from[static_cast<size_t>(from)] =
          std::make_unique<NcclReceiver>(m_context, std::move(lane), rankAt(from));
    }
  }
  return {};
}

std::vector<NcclCommunicator*> NcclNetwork::communicators() const {
  std::vector<NcclCommunicator*> all;
  const auto add = [&](const auto& link) {
    if (link != nullptr) all.push_back(&link->communicator());
  };
  add(m_tensor);
  add(m_data);
  for (const auto& sender : m_to) add(sender);
  for (const auto& receiver : m_from) add(receiver);
  if (m_world != nullptr) all.push_back(m_world.get());
  return all;
}

DeviceLinks NcclNetwork::links() const {
  DeviceLinks links;
  links.tensor = m_tensor.get();
  links.data = m_data.get();
  for (const auto& sender : m_to) links.to.push_back(sender.get());
  for (const auto& receiver : m_from) links.from.push_back(receiver.get());
  return links;
}

NcclNetwork::~NcclNetwork() {
  const std::vector<NcclCommunicator*> all = communicators();
  if (gpuIsStuck) {
    for (NcclCommunicator* communicator : all) communicator->abandon();
  }
  bool well = m_watch->stop();
  const auto deadline = std::chrono::steady_clock::now() + kFarewell;
  for (NcclCommunicator* communicator : all) well = well && communicator->finish(deadline);
  if (!well) NcclCommunicator::abort(all);
}

}  // namespace caracal::cuda
