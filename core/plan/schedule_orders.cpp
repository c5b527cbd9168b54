#include "core/plan/schedule_orders.h"

#include <algorithm>
#include <array>
#include <deque>

namespace caracal::plan {
namespace {

using enum PassKind;

}  // namespace

PassOrder order1F1B(int32_t device, int32_t p, int32_t m) {
  const int32_t ahead = std::min(p - device, m) - 1;
  PassOrder order;
  for (int32_t q = 0; q < ahead; ++q) order.push_back({kForward, device, q});
  for (int32_t q = 0; q < m; ++q) {
    if (q + ahead < m) order.push_back({kForward, device, q + ahead});
    order.push_back({kBackward, device, q});
  }
  return order;
}

PassOrder orderGPipe(int32_t device, int32_t m) {
  PassOrder order;
  for (const PassKind kind : {kForward, kBackward}) {
    for (int32_t q = 0; q < m; ++q) order.push_back({kind, device, q});
  }
  return order;
}

PassOrder orderInterleaved(int32_t device, int32_t p, int32_t m, int32_t chunksPerDevice) {
  const auto pass = [&](PassKind kind, int32_t k) {
    const int32_t group = k / (p * chunksPerDevice);
    const int32_t turn = k % (p * chunksPerDevice) / p;
    const int32_t chunk = kind == kForward ? turn : chunksPerDevice - 1 - turn;
    return ScheduledPass{kind, chunk * p + device, group * p + k % p};
  };
  const int32_t total = m * chunksPerDevice;
  const int32_t ahead = std::min(total, (p - 1 - device) * 2 + (chunksPerDevice - 1) * p);
  PassOrder order;
  for (int32_t k = 0; k < ahead; ++k) order.push_back(pass(kForward, k));
  for (int32_t k = 0; k < total; ++k) {
    if (k + ahead < total) order.push_back(pass(kForward, k + ahead));
    order.push_back(pass(kBackward, k));
  }
  return order;
}

PassOrder orderZeroBubble(int32_t device, int32_t p, int32_t m, int32_t depth) {
  const int32_t ahead = std::min(depth * (p - 1 - device), m);
  const int32_t late = depth * device;
  PassOrder order;
  for (int32_t q = 0; q < ahead; ++q) order.push_back({kForward, device, q});
  for (int32_t q = 0; q < m; ++q) {
    if (q + ahead < m) order.push_back({kForward, device, q + ahead});
    order.push_back({kInputGradient, device, q});
    if (q >= late) order.push_back({kWeightGradient, device, q - late});
  }
  for (int32_t q = std::max(0, m - late); q < m; ++q) order.push_back({kWeightGradient, device, q});
  return order;
}

PassOrder orderZbV(int32_t device, int32_t p, int32_t m) {
  const std::array<int32_t, 2> chunks{device, 2 * p - 1 - device};
  std::array<std::array<int32_t, 2>, 4> next{};  // micro-batch by kind and chunk
  PassOrder order;
  // Micro-batches beyond the last are counted, so that short steps keep the outline, but not run.
  const auto add = [&](PassKind kind, size_t chunk) {
    int32_t& microBatch = next[static_cast<size_t>(kind)][chunk];
    if (microBatch < m) order.push_back({kind, chunks[chunk], microBatch});
    ++microBatch;
  };
  const auto count = [&](PassKind kind, size_t chunk) {
    return next[static_cast<size_t>(kind)][chunk];
  };
  const auto backward = [&](size_t chunk) {
    add(kInputGradient, chunk);
    add(kWeightGradient, chunk);
  };
  for (int32_t i = 0; i < 2 * (p - device) - 1; ++i) add(kForward, 0);
  for (int32_t i = 0; i < device; ++i) {
    add(kForward, 1);
    add(kForward, 0);
  }
  for (int32_t i = 0; i < p - device; ++i) {
    add(kForward, 1);
    backward(1);
  }
  const int32_t outline = std::max(2 * p - 1, m);
  while (count(kForward, 1) < count(kForward, 0) || count(kForward, 0) < outline) {
    if (count(kForward, 0) < outline) add(kForward, 0);
    backward(0);
    add(kForward, 1);
    backward(1);
  }
  for (int32_t i = 0; i < device; ++i) {
    add(kInputGradient, 0);
    add(kInputGradient, 1);
  }
  for (int32_t i = 0; i < p - device; ++i) backward(0);
  for (const size_t chunk : {1, 0}) {
    while (count(kWeightGradient, chunk) < count(kInputGradient, chunk))
      add(kWeightGradient, chunk);
  }
  return order;
}

namespace {

// One device of DualPipe. "Near" is the direction whose micro-batches start at the end of the
// pipeline that the device is closer to.
class DualPipeOrder {
 public:
  DualPipeOrder(int32_t device, int32_t p, int32_t m)
      : m_fromEnd(std::min(device, p - 1 - device)),
        m_toMiddle(p / 2 - 1 - m_fromEnd),
        m_steady(m / 2 - p + m_fromEnd + 1) {
    // Either way a micro-batch meets the chunks in model order, so near passes are of early chunks.
    const bool firstHalf = device < p / 2;
    m_near = {m_fromEnd, firstHalf ? 0 : m / 2, 0, 0};
    m_far = {p - 1 - m_fromEnd, firstHalf ? m / 2 : 0, 0, 0};
  }

  PassOrder run() {
    repeat(2 * m_toMiddle, [&] { forward(m_near); });
    repeat(m_fromEnd + 1, [&] { forward(m_near), forward(m_far); });
    repeat(m_toMiddle, [&] { inputGradient(m_far), weightGradient(), forward(m_far); });
    repeat(m_steady, [&] {
      forward(m_near), backward(m_far);
      forward(m_far), backward(m_near);
    });
    repeat(m_toMiddle, [&] { backward(m_far), forward(m_far), backward(m_near); });
    coolDown();
    repeat(m_toMiddle, [&] { weightGradient(), inputGradient(m_near); });
    repeat(m_fromEnd + 1, [&] { weightGradient(); });
    return m_order;
  }

 private:
  struct Direction {
    int32_t chunk = 0;
    int32_t firstMicroBatch = 0;
    int32_t forwards = 0;
    int32_t backwards = 0;
  };

  template <class Step>
  void repeat(int32_t times, Step step) {
    for (int32_t i = 0; i < times; ++i) step();
  }

  // The second half of the last backwards leaves its weight gradients for the end.
  void coolDown() {
    const int32_t passes = 2 * (m_fromEnd + 1);
    for (int32_t i = 0; i < passes; ++i) {
      Direction& direction = i % 2 == 0 ? m_far : m_near;
      if (i < passes / 2)
        backward(direction);
      else
        inputGradient(direction);
    }
  }

  void forward(Direction& to) {
    m_order.push_back({kForward, to.chunk, to.firstMicroBatch + to.forwards++});
  }
  void backward(Direction& to) {
    m_order.push_back({kBackward, to.chunk, to.firstMicroBatch + to.backwards++});
  }
  void inputGradient(Direction& to) {
    m_order.push_back({kInputGradient, to.chunk, to.firstMicroBatch + to.backwards++});
    m_waiting.push_back(m_order.back());
  }
  void weightGradient() {
    ScheduledPass pass = m_waiting.front();
    m_waiting.pop_front();
    pass.kind = kWeightGradient;
    m_order.push_back(pass);
  }

  int32_t m_fromEnd;   // devices between this one and the nearer end
  int32_t m_toMiddle;  // devices between this one and the middle
  int32_t m_steady;
  Direction m_near, m_far;
  std::deque<ScheduledPass> m_waiting;  // input gradients without their weight gradient
  PassOrder m_order;
};

}  // namespace

PassOrder orderDualPipe(int32_t device, int32_t p, int32_t m) {
  return DualPipeOrder(device, p, m).run();
}

}  // namespace caracal::plan
