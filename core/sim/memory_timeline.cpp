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
  MemoryCounter(const plan::DeviceShape& device, const plan::StageProgram& program)
      : m_device(device), m_program(program), m_indexOf(device) {
    const profile::Profile& profile = device.chunks.front().profile;
    m_bytesOf.resize(m_indexOf.size(profile.parallel.microBatches), 0);
    m_now = staticBytes(device) + profile.memory.workspaceBytes + profile.memory.reserveBytes;
    m_peak = m_now;
    m_sizes.resize(m_indexOf.perMicroBatch());
    for (const plan::StageShape& chunk : device.chunks) tabulate(chunk);
  }

  void begin(const Item& item) {
    if (item.chunk < 0) return;
    plan::forEachMade(m_device.of(item), item, [&](const TensorRef& tensor) {
      const size_t index = m_indexOf(tensor);
      const plan::TensorBytes& sizes = m_sizes[index % m_indexOf.perMicroBatch()];
      m_bytesOf[index] = item.action == Action::kFetchStart ? sizes.retained : sizes.live;
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
  void tabulate(const plan::StageShape& shape) {
    const auto set = [&](const TensorRef& tensor) {
      m_sizes[m_indexOf(tensor)] = plan::tensorBytes(shape, tensor);
    };
    const auto setLayer = [&](int32_t layer) {
      for (int16_t op = 0; op < shape.graph(layer).size(); ++op) {
        set({layer, op, 0});
        set({layer, plan::gradientOf(op), 0});
      }
    };
    set({shape.firstLayer(), -1, 0});
    for (int32_t layer = shape.firstLayer(); layer <= shape.topLayer(); ++layer) setLayer(layer);
    if (shape.isFirst()) setLayer(plan::kFirstEnd);
    if (shape.isLast()) setLayer(plan::kLastEnd);
  }

  bool endsForwardOfLayer(const Item& item) const {
    const bool finishes =
        item.action == Action::kForward ||
        (item.action == Action::kCollectiveWait && item.window != plan::kRepeatedCollective);
    return finishes && item.op >= 0 && item.op == m_device.of(item).graph(item.layer).last();
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

  const plan::DeviceShape& m_device;
  const plan::StageProgram& m_program;
  plan::TensorIndex m_indexOf;
  std::vector<plan::TensorBytes> m_sizes;  // per tensor of one micro-batch
  std::vector<int64_t> m_bytesOf;          // what each tensor takes now
  int64_t m_now = 0;
  int64_t m_peak = 0;
};

bool occupiesCompute(const Item& item) {
  switch (item.action) {
    case Action::kCollectiveStart:
    case Action::kReduceStart:
    case Action::kOffloadStart:
    case Action::kFetchStart:
    case Action::kSendForward:
    case Action::kSendBackward:
      return false;
    default:
      return true;
  }
}

}  // namespace

MemoryTimeline memoryOf(const plan::DeviceShape& device, const plan::StageProgram& program,
                        const StageTimes& times, Samples samples) {
  MemoryCounter counter(device, program);
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
  return peakBytesOf(plan::DeviceShape{shape.stage, {shape}}, program);
}

int64_t peakBytesOf(const plan::DeviceShape& device, const plan::StageProgram& program) {
  MemoryCounter counter(device, program);
  for (const Item& item : program.items) {
    counter.begin(item);
    counter.end(item);
  }
  return counter.peakBytes();
}

std::vector<MemoryChange> memoryChangesOf(const plan::DeviceShape& device,
                                          const plan::StageProgram& program,
                                          const std::vector<size_t>& begins) {
  MemoryCounter counter(device, program);
  std::vector<MemoryChange> changes;
  for (size_t part = 0; part < begins.size(); ++part) {
    const size_t end = part + 1 < begins.size() ? begins[part + 1] : program.items.size();
    const int64_t before = counter.nowBytes();
    MemoryChange& change = changes.emplace_back();
    for (size_t i = begins[part]; i < end; ++i) {
      counter.begin(program.items[i]);
      change.peakBytes = std::max(change.peakBytes, counter.nowBytes() - before);
      counter.end(program.items[i]);
    }
    change.netBytes = counter.nowBytes() - before;
  }
  return changes;
}

}  // namespace caracal::sim
