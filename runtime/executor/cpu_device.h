// The CPU backend: operators on the rank's own thread, emulated links, the wall or a virtual clock.
#pragma once

#include <map>
#include <memory>
#include <unordered_map>
#include <utility>
#include <vector>

#include "runtime/comm/clock.h"
#include "runtime/comm/network.h"
#include "runtime/executor/training_device.h"
#include "runtime/model/output_bytes.h"
#include "runtime/model/rank_model.h"

namespace caracal::executor {

class CpuDevice final : public TrainingDevice {
 public:
  CpuDevice(const RankOptions& options, std::shared_ptr<const model::TextSource> text,
            comm::RunClock& clock);

  Memory& host() override { return *this; }
  Result<float*> allocate(int64_t bytes) override;
  void release(float* data) noexcept override;
  int64_t outputBytes(model::Op op) const override {
    return model::outputBytes(m_options.model.shape, op);
  }
  int64_t staticBytes() const override;
  int64_t workspaceBytes() const override { return m_model.workspaceBytes(); }

  Result<void> launch(const Launch& call) override;
  Result<void> startCollective(const Collective& call) override;
  Result<void> waitCollective(const Collective& call) override;
  Result<void> copy(const Copy& call) override;
  Result<void> send(const Exchange& call) override;
  Result<void> receive(const Exchange& call) override;
  Result<void> putAside(const HandOver& call) override;
  Result<void> takeUp(const HandOver& call) override;
  Result<void> reduceGradients(Label label) override;
  Result<void> startReduction(Label label, int32_t layer) override;
  Result<void> waitReductions() override;
  Result<void> updateWeights(Label label, int32_t step) override;

  int64_t nowNs() const override { return m_clock.nowNs(); }
  std::vector<Timing> takeTimings() override;

  // What ends the wait early ends the step that follows, too.
  void waitUntil(int64_t ns) override { static_cast<void>(m_clock.waitUntil(ns)); }
  Result<void> finishStep() override { return {}; }
  double takeLossSum() override { return m_model.takeLossSum(); }
  Result<model::ParameterStore*> fetchParameters() override { return &m_model.parameters(); }
  Result<void> storeParameters() override { return {}; }
  comm::RankClock::Overshoot overshoot() const override { return m_clock.overshoot(); }

  model::RankModel& model() { return m_model; }

 private:
  struct Pending {  // a collective between start and wait
    Label label = 0;
    uint64_t groupNumber = 0;
    int64_t entryNs = 0;
  };
  static comm::MessageKey keyOf(const Exchange& call);
  void reportTransfer(Label label, const comm::Transfer& transfer, size_t bytes);
  Pending enter(comm::ReduceGroup& group, int32_t member, Label label,
                std::span<const float> values, comm::Pattern pattern = comm::Pattern::kAllReduce);
  // Waits until the transfer is over and reports the collective; `bytes` are those of the whole
  // tensor.
  struct Outcome {
    std::span<float> values;
    int32_t member = 0;
    size_t bytes = 0;
    Part part = Part::kWork;
  };
  Result<void> finish(comm::ReduceGroup& group, const Pending& pending, const Outcome& outcome);
  // Waits for the end of a transfer that this rank came to ask for at `arrivalNs`.
  struct Seen {
    int64_t endNs = 0;
    int64_t askedNs = -1;  // as Timing::askedNs
  };
  Result<Seen> seeEnd(const comm::Transfer& transfer, int64_t arrivalNs);
  std::span<const float> handedIn(const Collective& call);
  std::span<float> resultOf(const Collective& call);
  void reduceBucket(Label label, size_t bucket);
  bool sharesState() const;  // of the optimizer, with the other replicas
  Result<void> sumRowGradients(Label label);
  Result<void> gatherWeights(Label label);

  RankOptions m_options;
  model::RankModel m_model;
  comm::RankClock m_clock;
  std::unordered_map<uint32_t, Pending> m_pending;  // by Collective::number
  struct Reduction {                                // of gradients, between start and wait
    Pending pending;
    size_t bucket = 0;
  };
  std::vector<Reduction> m_reductions;
  std::map<std::pair<int32_t, int32_t>, std::vector<float>> m_asideOf;  // by chunk and micro-batch
  std::vector<Timing> m_timings;
};

class CpuBackend final : public Backend {
 public:
  Result<std::unique_ptr<TrainingDevice>> makeDevice(const RankOptions& options,
                                                     std::shared_ptr<const model::TextSource> text,
                                                     comm::RunClock& clock) override {
    return std::make_unique<CpuDevice>(options, std::move(text), clock);
  }
};

}  // namespace caracal::executor
