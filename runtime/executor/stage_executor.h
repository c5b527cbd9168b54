// Runs the program of one stage on one rank, item by item: finds the tensors an item reads, makes
// the one it writes, hands the work to the device and lets go of what the program says is dead. It
// knows items and tensors; arithmetic, links and clocks are the device's.
#pragma once

#include <cstdint>
#include <vector>

#include "core/plan/program.h"
#include "core/plan/stage_shape.h"
#include "runtime/comm/monitor.h"
#include "runtime/executor/device.h"
#include "runtime/executor/job.h"
#include "runtime/executor/live_tensors.h"
#include "runtime/executor/tensor_pool.h"

namespace caracal::executor {

struct MemorySample {
  int64_t timeNs = 0;
  int64_t bytes = 0;  // activations, static and workspace, from this time on
  bool operator==(const MemorySample&) const = default;
};

class StageExecutor {
 public:
  // The references must outlive the executor. `program` is that of one of the job's stages, or a
  // part of it.
  // `monitor`: asked before each item whether the run goes on; nullptr: it always does.
  StageExecutor(const Job& job, const plan::StageProgram& program, Device& device,
                const comm::Monitor* monitor = nullptr);

  // Every item of the program once. Labels of the device's calls are indices of items.
  Result<void> runStep(int32_t step);

  // Changes of memory since the last call.
  std::vector<MemorySample> takeMemory();
  // Largest so far: activations, static and workspace.
  int64_t peakBytes() const { return m_fixedBytes + m_pool.peakBytes(); }
  int64_t hostPeakBytes() const { return m_hostPool.peakBytes(); }  // offloaded tensors
  int64_t reservedBytes() const { return m_fixedBytes + m_pool.reservedBytes(); }

 private:
  Result<void> run(const plan::Item& item, Label label, int32_t step);
  Result<void> runForward(const plan::Item& item, Label label, int32_t step);
  Result<void> runBackward(const plan::Item& item, Label label, int32_t step);
  Result<void> runWeightGradient(const plan::Item& item, Label label, int32_t step);
  Launch launchOf(const plan::Item& item, Label label, int32_t step) const;
  Result<void> continueBackward(size_t index);
  Result<void> leaveBackward(size_t index);
  Result<void> startCollective(const plan::Item& item, Label label);
  Result<void> waitCollective(const plan::Item& item, Label label);
  Result<void> sendForward(const plan::Item& item, Label label);
  Result<void> receiveForward(const plan::Item& item, Label label);
  Result<void> sendBackward(const plan::Item& item, Label label);
  Result<void> receiveBackward(const plan::Item& item, Label label);
  Result<void> offload(const plan::Item& item, Label label);
  Result<void> fetch(const plan::Item& item, Label label);
  Result<void> releaseAfter(const plan::Item& item);
  Result<std::array<Tensor, 2>> findAll(const plan::Item& item, const std::vector<int16_t>& reads);
  Result<Collective> collectiveOf(const plan::Item& item, Label label) const;

  plan::TensorRef output(const plan::Item& item) const;
  const plan::HeldChunk& heldChunk(const plan::Item& item) const;
  void sampleMemory();

  const OperatorTable& m_table;
  const plan::StageProgram& m_program;
  plan::ProfileGraphs m_graphs;
  plan::DeviceShape m_shape;
  Device& m_device;
  const comm::Monitor* m_monitor;
  int64_t m_fixedBytes;
  TensorPool m_pool, m_hostPool;
  LiveTensors m_tensors, m_hostTensors;
  std::vector<MemorySample> m_memory;
};

}  // namespace caracal::executor
