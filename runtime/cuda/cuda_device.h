// One rank on a GPU: its operators on a stream of compute, recomputations on one of the lowest
// priority, collectives and transfers on the streams of their links, ordered by events.
//
// The order of calls is kept between operators and recomputations by events; so recomputations may
// share the GPU with communication, and whatever the scheduler starts first is communication.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "runtime/cuda/copy_lanes.h"
#include "runtime/cuda/device_links.h"
#include "runtime/cuda/nccl_network.h"
#include "runtime/cuda/rank_model.h"
#include "runtime/cuda/sm_partition.h"
#include "runtime/executor/training_device.h"
#include "runtime/model/output_bytes.h"

namespace caracal::cuda {

class CudaDevice final : public executor::TrainingDevice {
 public:
  // Other ranks, and what keeps the way to them where it is this rank's own.
  struct Connection {
    DeviceLinks links;
    std::unique_ptr<NcclNetwork> network;
    SmPartition* partition = nullptr;  // whose part of this rank's number is its own
    int32_t multiprocessors = 0;       // that products may count on; 0: all
  };
  static Result<std::unique_ptr<CudaDevice>> make(const executor::RankOptions& options,
                                                  std::shared_ptr<const model::TextSource> text,
                                                  comm::RunClock& clock, Connection connection,
                                                  EventPool& events);

  Memory& host() override { return m_pinned; }
  Result<float*> allocate(int64_t bytes) override;
  void release(float* data) noexcept override {
    if (!gpuIsStuck) cudaFree(data);
  }
  int64_t outputBytes(model::Op op) const override {
    return model::outputBytes(m_options.model.shape, op);
  }
  int64_t staticBytes() const override { return m_fixed.staticBytes; }
  int64_t workspaceBytes() const override { return m_fixed.workspaceBytes; }

  Result<void> launch(const executor::Launch& call) override;
  Result<void> startCollective(const executor::Collective& call) override;
  Result<void> waitCollective(const executor::Collective& call) override;
  Result<void> copy(const executor::Copy& call) override;
  Result<void> send(const executor::Exchange& call) override;
  Result<void> receive(const executor::Exchange& call) override;
  Result<void> putAside(const executor::HandOver& call) override;
  Result<void> takeUp(const executor::HandOver& call) override;
  Result<void> reduceGradients(executor::Label label) override;
  Result<void> startReduction(executor::Label label, int32_t layer) override;
  Result<void> waitReductions() override;
  Result<void> updateWeights(executor::Label label, int32_t step) override;

  // On the wall clock: within a step of the host, whose calls run ahead of the GPU; after it when
  // the GPU was done.
  int64_t nowNs() const override { return m_endNs.value_or(m_clock.nowNs()); }
  std::vector<executor::Timing> takeTimings() override { return std::exchange(m_timings, {}); }

  void waitUntil(int64_t ns) override;
  Result<void> finishStep() override;
  double takeLossSum() override { return std::exchange(m_lossSum, 0.0); }
  Result<model::ParameterStore*> fetchParameters() override;
  Result<void> storeParameters() override;

 private:
  class PinnedMemory final : public executor::Memory {
   public:
    Result<float*> allocate(int64_t bytes) override;
    void release(float* data) noexcept override {
      if (!gpuIsStuck) cudaFreeHost(data);
    }
    bool owns(float* block) const { return m_blocks.contains(block); }

   private:
    std::unordered_set<float*> m_blocks;  // pools give blocks back when the device ends
  };
  // What a call took, as events whose times are read when the step is over.
  struct Timed {
    std::string what;  // "fc1 of layer 3, backward of micro-batch 2"
    executor::Label label = 0;
    Event begin, end;
    Event transferBegin;  // none: the call moved nothing over a link
    int64_t bytes = -1;
    int64_t askedNs = -1;  // as Timing::askedNs
    executor::Part part = executor::Part::kWork;
  };
  struct Pending {  // a collective between start and wait
    std::string what;
    executor::Label label = 0;
    Event entry;
    int64_t entryNs = 0;  // on a virtual clock
    uint64_t groupNumber = 0;
    int64_t bytes = 0;
    executor::Part part = executor::Part::kWork;
  };

  CudaDevice(const executor::RankOptions& options, comm::RunClock& clock, Connection connection,
             EventPool& events)
      : m_options(options),
        m_clock(clock),
        m_token(clock.token()),
        m_links(std::move(connection.links)),
        m_events(events),
        m_partition(connection.partition),
        m_multiprocessors(connection.multiprocessors),
        m_network(std::move(connection.network)) {}
  Result<void> prepare(std::shared_ptr<const model::TextSource> text);
  Result<void> prepareLane(Lane& lane, Stream& stream, DeviceArray<uint8_t>& workspace,
                           Priority priority);

  bool isVirtual() const { return m_clock.kind() == comm::ClockKind::kVirtual; }
  // On a virtual clock, nothing of other ranks is put on the GPU while this lives.
  std::unique_lock<comm::Token> alone() {
    return isVirtual() ? std::unique_lock(m_token) : std::unique_lock<comm::Token>();
  }
  // Puts work() on the queue between two events. What it took is read when the step is over; on a
  // virtual clock it runs alone, and moves the clock.
  template <class Work>
  Result<void> measure(Queue& queue, Timed timed, Work work);
  // The lane for what comes next, behind everything on the other one.
  Lane& turnTo(Lane& lane);
  Queue& computeQueue() { return turnTo(m_compute).queue; }
  Result<void> run(Lane& lane, const executor::Launch& call);
  Result<Pending> enter(DeviceGroup& group, int32_t member, const std::string& what,
                        executor::Label label, const DeviceGroup::Share& share);
  Result<void> finish(DeviceGroup& group, const Pending& pending);
  DeviceGroup::Share shareOf(const executor::Collective& call);
  Result<void> sumRowGradients(executor::Label label);
  Result<void> reduce(executor::Label label, RankModel::Buffer gradients);
  RankModel::Buffer bufferOf(const executor::Exchange& call);
  void note(const executor::Exchange& call, const char* what, const TransferEvents& events,
            int64_t bytes);
  Result<void> awaitEnd(const Timed& timed);
  Number activations() const;
  Result<int64_t> timeOf(const Event& event) const;
  Result<int64_t> elapsedNs(const Event& begin, const Event& end) const;

  executor::RankOptions m_options;
  comm::RankClock m_clock;
  comm::Token& m_token;
  DeviceLinks m_links;
  EventPool& m_events;
  SmPartition* m_partition;
  int32_t m_multiprocessors;
  executor::FixedMemory m_fixed;
  PinnedMemory m_pinned;
  Stream m_computeStream, m_recomputeStream;
  DeviceArray<uint8_t> m_computeWorkspace, m_recomputeWorkspace;
  Lane m_compute, m_recompute;
  Lane* m_current = &m_compute;
  DeviceArray<uint64_t> m_stamp;  // of the pause before what runs alone
  std::unique_ptr<RankModel> m_model;
  std::unique_ptr<model::ParameterStore> m_hostParameters;

  std::unordered_map<uint32_t, Pending> m_pending;  // by Collective::number
  std::vector<Pending> m_reductions;
  DeviceArray<uint8_t> m_rowGradients;  // with sequence parallelism: as one message
  std::map<std::pair<int32_t, int32_t>, DeviceArray<uint8_t>> m_asideOf;  // chunk, micro-batch

  Event m_base;  // of the step
  int64_t m_baseNs = 0;
  std::optional<int64_t> m_endNs;  // of the step; nothing: it is not over
  std::vector<Timed> m_timed;
  std::vector<executor::Timing> m_timings;
  double m_lossSum = 0;
  CopyLanes m_copies;
  std::unique_ptr<NcclNetwork> m_network;  // goes first: nothing else ends while it may wait
};

}  // namespace caracal::cuda
