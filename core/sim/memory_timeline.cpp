#include "core/sim/memory_timeline.h"

#include <algorithm>

#include "core/plan/item_effects.h"
#include "core/plan/tensor_bytes.h"
#include "core/plan/tensor_index.h"
#include "core/sim/item_durations.h"

namespace caracal::sim {
namespace {

using plan::Action;
using plan::Item;
using plan::TensorRef;

class MemoryCounter {
 public:
  MemoryCounter(const plan::StageShape& shape, const plan::StageProgram& program)
      : m_shape(shape),
        m_program(program),
        m_indexOf(shape.profile, shape.plan),
        m_bytesOf(m_indexOf.size(shape.profile.parallel.microBatches), 0) {
    const profile::Memory& memory = shape.profile.memory;
    m_now = staticBytes(shape) + memory.workspaceBytes + memory.reserveBytes;
    m_peak = m_now;
    tabulate();
  }

  void begin(const Item& item) {
    plan::forEachMade(m_shape, item, [&](const TensorRef& tensor) {
      const size_t index = m_indexOf(tensor);
      m_bytesOf[index] = m_sizes[index % m_indexOf.perMicroBatch()].live;
      m_now += m_bytesOf[index];
    });
    m_peak = std::max(m_peak, m_now);
  }

  void end(const Item& item) {
    if (endsForwardOfLayer(item)) shrink(item);
    for (uint32_t r = item.releaseBegin; r < item.releaseEnd; ++r) {
      int64_t& bytes = m_bytesOf[m_indexOf(m_program.releases[r])];
      m_now -= bytes;
      bytes = 0;
    }
  }

  int64_t nowBytes() const { return m_now; }
  int64_t peakBytes() const { return m_peak; }

 private:
  void tabulate() {
    m_sizes.resize(m_indexOf.perMicroBatch());
    const auto set = [&](int32_t layer, int16_t op) {
      const TensorRef tensor{layer, op, 0};
      m_sizes[m_indexOf(tensor)] = plan::tensorBytes(m_shape, tensor);
    };
    set(m_shape.firstLayer(), -1);
    for (int32_t layer = m_shape.firstLayer(); layer <= m_shape.topLayer(); ++layer) {
      for (int16_t op = 0; op < m_shape.graph(layer).size(); ++op) set(layer, op);
    }
    for (int32_t end : {plan::kFirstEnd, plan::kLastEnd}) {
      for (int16_t op = 0; op < m_shape.graph(end).size(); ++op) set(end, op);
    }
  }

  bool endsForwardOfLayer(const Item& item) const {
    const bool finishes =
        item.action == Action::kForward ||
        (item.action == Action::kCollectiveWait && item.window != plan::kRepeatedCollective);
    return finishes && item.op >= 0 && item.op == m_shape.graph(item.layer).last();
  }

  void shrink(const Item& item) {
    for (int16_t op = 0; op <= item.op; ++op) {
      const size_t index = m_indexOf(TensorRef{item.layer, op, item.microBatch});
      if (m_bytesOf[index] == 0) continue;
      const int64_t retained = m_sizes[index % m_indexOf.perMicroBatch()].retained;
      m_now += retained - m_bytesOf[index];
      m_bytesOf[index] = retained;
    }
  }

  const plan::StageShape& m_shape;
  const plan::StageProgram& m_program;
  plan::TensorIndex m_indexOf;
  std::vector<plan::TensorBytes> m_sizes;  // per tensor of one micro-batch
  std::vector<int64_t> m_bytesOf;          // what each tensor takes now
  int64_t m_now = 0;
  int64_t m_peak = 0;
};

bool occupiesCompute(const Item& item) {
  return item.action != Action::kCollectiveStart && item.action != Action::kSendForward &&
         item.action != Action::kSendBackward;
}

}  // namespace

MemoryTimeline memoryOf(const plan::StageShape& shape, const plan::StageProgram& program,
                        const StageTimes& times, Samples samples) {
  MemoryCounter counter(shape, program);
  MemoryTimeline timeline;
  const auto sample = [&](int64_t timeNs) {
    if (samples == Samples::kPeakOnly) return;
    if (!timeline.samples.empty() && timeline.samples.back().bytes == counter.nowBytes()) return;
    timeline.samples.push_back({timeNs, counter.nowBytes()});
  };
  sample(0);
  int64_t nowNs = 0;  // of compute: transfers and collectives go on beside it
  for (size_t i = 0; i < program.items.size(); ++i) {
    const Item& item = program.items[i];
    counter.begin(item);
    sample(nowNs);
    if (occupiesCompute(item)) nowNs = times.items[i].endNs;
    counter.end(item);
    sample(nowNs);
  }
  timeline.peakBytes = counter.peakBytes();
  return timeline;
}

int64_t peakBytesOf(const plan::StageShape& shape, const plan::StageProgram& program) {
  MemoryCounter counter(shape, program);
  for (const Item& item : program.items) {
    counter.begin(item);
    counter.end(item);
  }
  return counter.peakBytes();
}

}  // namespace caracal::sim
