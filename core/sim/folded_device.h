// One device of a folded replay: its clock, moved on a pass at a time. Used by folded_replay.cpp
// alone.
#pragma once

#include <cstdint>
#include <vector>

#include "core/plan/device_lowering.h"
#include "core/plan/schedule.h"
#include "core/sim/folded_replay.h"
#include "core/sim/item_runner.h"
#include "core/sim/pass_costs.h"
#include "core/sim/shared_ports.h"

namespace caracal::sim {

class FoldedDevice {
 public:
  // All must outlive this; fills in `result`.
  FoldedDevice(const plan::DeviceShape& shape, const plan::PassOrder& order,
               const std::vector<ChunkCosts>& costs, const OperatorTimes& operators,
               const plan::Contention& contention, FoldedStage& result);

  // `devices` and `ports`: of the whole pipeline, at their final addresses.
  void connect(std::vector<FoldedDevice>& devices, SharedPorts& ports);

  // True when at least one pass ran.
  bool advance();
  bool done() const { return m_done; }
  size_t position() const { return m_next; }
  // The end of the step. REQUIRES done().
  int64_t endNs() const { return nowNs(); }

 private:
  using Arrivals = std::vector<ItemTime>;  // they end kNeverArrives until sent
  struct Port {
    FoldedDevice* device = nullptr;
    size_t begin = 0;  // of its chunk's arrivals
  };

  int64_t nowNs() const { return m_runner.nowNs(); }
  int64_t atTheEndNs(plan::Action action) const;
  bool finish();
  bool run(const plan::ScheduledPass& pass);
  bool receive(int64_t arrivalNs);
  void send(const Port& to, const plan::ScheduledPass& pass, Arrivals FoldedDevice::*arrivals,
            int64_t transferNs);

  void forward(const plan::ScheduledPass& pass, size_t slot);
  void backward(const plan::ScheduledPass& pass, size_t slot, int64_t gradientNs);
  void work(const plan::ScheduledPass& pass, trace::Pass kind, const PassCost& cost);
  void add(const plan::ScheduledPass& pass, trace::Pass kind, const PassCost& cost,
           int64_t beginningNs);
  void reduce(const PassCost& cost, int64_t beginningNs);
  void countMemory(const PassCost& cost);

  bool runsByItems(const PassCost& cost);
  void runItems(const plan::ScheduledPass& pass, const PassCost& cost, int64_t gradientNs);
  void runItem(const plan::Item& item, int64_t gradientNs, ItemTime& time);

  const plan::DeviceShape& m_shape;
  const plan::PassOrder& m_order;
  plan::PassRoles m_roles;
  const std::vector<ChunkCosts>& m_costs;
  const profile::Profile& m_profile;
  FoldedStage& m_result;
  ItemRunner m_runner;
  size_t m_microBatches;
  Arrivals m_activations, m_gradients;  // arrivals by chunk and micro-batch
  std::vector<Port> m_before, m_after;  // per chunk
  size_t m_next = 0;
  int64_t m_sendNs = 0;  // when the last pass sent
  SharedPorts* m_ports = nullptr;
  bool m_done = false;
  int64_t m_nowBytes = 0;
};

}  // namespace caracal::sim
