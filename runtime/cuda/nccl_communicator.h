// A communicator of NCCL that never blocks the host (config.blocking = 0): calls that go on in the
// background are polled until they are done, the run fails or the link timeout passes.
//
// One thread puts operations on streams; the watch (nccl_watch.h) asks for errors and aborts from
// another.
#pragma once

#include <chrono>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "runtime/comm/monitor.h"
#include "runtime/comm/reduce_group.h"
#include "runtime/cuda/nccl_api.h"

namespace caracal::cuda {

// Who is in a communicator, and how messages call it. `number`: the same on all of its ranks.
struct NcclGroupName {
  comm::Group group;
  int32_t number = 0;
};

class NcclCommunicator {
 public:
  // Of all ranks of the run.
  static Result<std::unique_ptr<NcclCommunicator>> join(const nccl::Api& api,
                                                        const comm::Monitor& monitor,
                                                        const nccl::UniqueId& id,
                                                        NcclGroupName name, int32_t rank);
  // Made together with all ranks of this one; nullptr for those with nccl::kNoColor. `mostCtas`: of
  // the GPU that one operation may occupy.
  Result<std::unique_ptr<NcclCommunicator>> split(NcclGroupName name, int color, int key,
                                                  int32_t mostCtas);
  ~NcclCommunicator();  // abort()
  NcclCommunicator(const NcclCommunicator&) = delete;
  NcclCommunicator& operator=(const NcclCommunicator&) = delete;

  const NcclGroupName& name() const { return m_name; }
  std::string text() const;  // "the tensor-parallel group of ranks 0, 1"

  // Puts one operation, `call(api, handle)`, on the stream that the call names.
  template <class Call>
  Result<void> enqueue(const char* what, Call call) {
    return settle(begin([&](nccl::Handle* handle) { return call(m_api, handle); }), what);
  }

  // Fails when NCCL found an error in the background.
  Result<void> checkInBackground();
  // Lets go in peace, together with all its ranks. False when they did not come by `deadline`.
  // REQUIRES that all operations are done.
  bool finish(std::chrono::steady_clock::time_point deadline);
  // Ends what is on streams, whether the other ranks came or not; further calls fail. All at once,
  // as the operations of one may wait for those of another.
  static void abort(const std::vector<NcclCommunicator*>& communicators);
  // Leaves it as it is: a GPU that is stuck would keep an abort from returning.
  void abandon();

 private:
  NcclCommunicator(const nccl::Api& api, const comm::Monitor& monitor, NcclGroupName name)
      : m_api(api), m_monitor(monitor), m_name(std::move(name)) {}

  template <class Call>
  nccl::Status begin(Call call) {
    const std::lock_guard lock(m_mutex);
    return m_handle != nullptr ? call(m_handle) : nccl::Status::kRemoteError;
  }
  nccl::Status state();
  Result<void> settle(nccl::Status first, const char* what);
  Result<void> check(nccl::Status status, const char* what) const;

  const nccl::Api& m_api;
  const comm::Monitor& m_monitor;
  NcclGroupName m_name;
  std::mutex m_mutex;
  nccl::Handle* m_handle = nullptr;  // guarded by m_mutex; nullptr: aborted or finished
};

}  // namespace caracal::cuda
