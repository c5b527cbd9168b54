#include "runtime/cuda/nccl_mailbox.h"

#include <cstring>

#include "runtime/executor/training_device.h"

namespace caracal::cuda {
namespace {

constexpr uint32_t kPort = executor::Backend::kFirstBackendPort;

}  // namespace

void NcclMailbox::connect(comm::Wire& wire, comm::Monitor& monitor) {
  m_wire = &wire;
  m_monitor = &monitor;
  wire.listen(kPort, [this](int32_t from, const comm::Parcel& parcel) { receive(from, parcel); });
}

void NcclMailbox::receive(int32_t from, const comm::Parcel& parcel) {
  const auto lock = m_monitor->lock();
  switch (static_cast<Letter>(parcel.head[0])) {
    case Letter::kId:
      m_id.emplace();
      std::memcpy(m_id->bytes, parcel.body.data(), sizeof(m_id->bytes));
      break;
    case Letter::kMessage:
      m_announced[from].push_back({{parcel.head[1] != 0, static_cast<int32_t>(parcel.head[2]),
                                    static_cast<int32_t>(parcel.head[3])},
                                   parcel.head[4]});
      break;
    case Letter::kBegun:
      m_begun[{from, static_cast<int32_t>(parcel.head[1])}] = parcel.head[2];
      break;
  }
  m_monitor->notify();
}

void NcclMailbox::tellId(const nccl::UniqueId& id, int32_t ranks) {
  for (int32_t rank = 1; rank < ranks; ++rank) {
    m_wire->post(rank,
                 {kPort, {static_cast<int64_t>(Letter::kId)}, std::as_bytes(std::span(id.bytes))});
  }
}

Result<nccl::UniqueId> NcclMailbox::awaitId() {
  auto lock = m_monitor->lock();
  CARACAL_CHECK_OK(m_monitor->wait(
      lock, [&] { return m_id.has_value(); },
      [] { return std::string("rank 0, which has NCCL's identifier,"); }));
  return *m_id;
}

void NcclMailbox::announce(int32_t to, const Announcement& message) {
  m_wire->post(to, {kPort,
                    {static_cast<int64_t>(Letter::kMessage), message.key.gradient ? 1 : 0,
                     message.key.chunk, message.key.microBatch, message.bytes},
                    {}});
}

Result<NcclMailbox::Announcement> NcclMailbox::nextFrom(int32_t from) {
  auto lock = m_monitor->lock();
  std::deque<Announcement>& queue = m_announced[from];
  CARACAL_CHECK_OK(m_monitor->wait(
      lock, [&] { return !queue.empty(); },
      [&] { return fmt::format("a message that rank {} did not send", from); }));
  const Announcement next = queue.front();
  queue.pop_front();
  return next;
}

void NcclMailbox::tellBegun(int32_t to, int32_t group, int64_t operations) {
  m_wire->post(to, {kPort, {static_cast<int64_t>(Letter::kBegun), group, operations}, {}});
}

int64_t NcclMailbox::begunBy(int32_t rank, int32_t group) {
  const auto lock = m_monitor->lock();
  const auto found = m_begun.find({rank, group});
  return found == m_begun.end() ? 0 : found->second;
}

}  // namespace caracal::cuda
