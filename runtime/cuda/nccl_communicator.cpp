#include "runtime/cuda/nccl_communicator.h"

#include <fmt/ranges.h>

namespace caracal::cuda {

using nccl::Handle;
using nccl::Status;

namespace {

nccl::Config configOf(int32_t mostCtas) {
  nccl::Config config;
  config.blocking = 0;
  if (mostCtas > 0) {
    config.minCtas = 1;
    config.maxCtas = mostCtas;
  }
  return config;
}

}  // namespace

std::string NcclCommunicator::text() const {
  return fmt::format("the {} group of ranks {}", m_name.group.name,
                     fmt::join(m_name.group.ranks, ", "));
}

Result<void> NcclCommunicator::check(Status status, const char* what) const {
  if (status == Status::kSuccess) return {};
  return fail(ErrorCode::kIo, "NCCL could not do {} in {}: {}", what, text(),
              m_api.getErrorString(status));
}

Status NcclCommunicator::state() {
  return begin([&](Handle* handle) {
    Status status = Status::kSuccess;
    const Status asked = m_api.commGetAsyncError(handle, &status);
    return asked == Status::kSuccess ? status : asked;
  });
}

Result<void> NcclCommunicator::settle(Status first, const char* what) {
  Status status = first;
  const auto settled = [&] {
    if (status == Status::kInProgress) status = state();
    return status != Status::kInProgress;
  };
  CARACAL_CHECK_OK(m_monitor.poll(
      settled, [&] { return fmt::format("NCCL, asked for {} in {},", what, text()); }));
  return check(status, what);
}

Result<std::unique_ptr<NcclCommunicator>> NcclCommunicator::join(const nccl::Api& api,
                                                                 const comm::Monitor& monitor,
                                                                 const nccl::UniqueId& id,
                                                                 NcclGroupName name, int32_t rank) {
  auto made =
      std::unique_ptr<NcclCommunicator>(new NcclCommunicator(api, monitor, std::move(name)));
  nccl::Config config = configOf(0);
  const auto ranks = made->m_name.group.members();
  const Status status = api.commInitRankConfig(&made->m_handle, ranks, id, rank, &config);
  CARACAL_CHECK_OK(made->settle(status, "the connection of all ranks"));
  return made;
}

Result<std::unique_ptr<NcclCommunicator>> NcclCommunicator::split(NcclGroupName name, int color,
                                                                  int key, int32_t mostCtas) {
  nccl::Config config = configOf(mostCtas);
  // Written by NCCL when the split is done: not to be freed before, so never after a failure.
  auto slot = std::make_unique<Handle*>(nullptr);
  const auto split = enqueue("a split", [&](const nccl::Api& api, Handle* handle) {
    return api.commSplit(handle, color, key, slot.get(), &config);
  });
  if (!split) {
    static_cast<void>(slot.release());
    return tl::unexpected(split.error());
  }
  if (color == nccl::kNoColor) return nullptr;
  auto made =
      std::unique_ptr<NcclCommunicator>(new NcclCommunicator(m_api, m_monitor, std::move(name)));
  made->m_handle = *slot;
  CARACAL_CHECK_OK(made->settle(Status::kInProgress, "the connection of its ranks"));
  return made;
}

Result<void> NcclCommunicator::checkInBackground() {
  const Status status = state();
  return status == Status::kInProgress ? Result<void>{} : check(status, "its work");
}

bool NcclCommunicator::finish(std::chrono::steady_clock::time_point deadline) {
  Status status = begin([&](Handle* handle) { return m_api.commFinalize(handle); });
  while (status == Status::kInProgress && std::chrono::steady_clock::now() < deadline) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
    status = state();
  }
  if (status != Status::kSuccess) return false;
  const std::lock_guard lock(m_mutex);
  return m_api.commDestroy(std::exchange(m_handle, nullptr)) == Status::kSuccess;
}

void NcclCommunicator::abort(const std::vector<NcclCommunicator*>& communicators) {
  if (communicators.empty()) return;
  const nccl::Api& api = communicators.front()->m_api;
  api.groupStart();
  for (NcclCommunicator* one : communicators) {
    const std::lock_guard lock(one->m_mutex);
    if (one->m_handle != nullptr) api.commAbort(std::exchange(one->m_handle, nullptr));
  }
  api.groupEnd();
}

void NcclCommunicator::abandon() {
  const std::lock_guard lock(m_mutex);
  m_handle = nullptr;
}

NcclCommunicator::~NcclCommunicator() {
  abort({this});
}

}  // namespace caracal::cuda
