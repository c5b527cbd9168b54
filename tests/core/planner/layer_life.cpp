#include "tests/core/planner/layer_life.h"

#include <algorithm>
#include <utility>

namespace caracal::planner {
namespace {

double bytes(int64_t count) {
  return static_cast<double>(count);
}

}  // namespace

using test::LinearSum;

LayerLife::LayerLife(const StageModel& model, LayerCase of, HeuColumns& columns)
    : m_kind(model.shape().profile.kinds[0]),
      m_graph(model.shape().graphs.kinds[0]),
      m_case(of),
      m_columns(columns) {
  for (const Place at : {kFwdAttn, kFwdMlp, kPipe, kPrevMlp, kPrevAttn, kDemandMlp}) rebuild(at);
  runBackward(m_graph.last(), m_graph.mlpBegin);
  for (const Place at : {kOwn, kDemandAttn}) rebuild(at);
  runBackward(static_cast<int16_t>(m_graph.mlpBegin - 1), 0);
}

void LayerLife::rebuild(Place at) {
  m_begins[at] = m_events;
  m_events += static_cast<size_t>(m_graph.size());
}

void LayerLife::runBackward(int16_t from, int16_t to) {
  for (int16_t op = from; op >= to; --op) {
    if (!m_graph.operators[op].collective) m_backwards[op] = m_events++;
  }
}

const LinearSum& LayerLife::bytesBefore(size_t event) {
  const auto [known, fresh] = m_bytes.try_emplace(event);
  if (fresh) known->second = countBytesBefore(event);
  return known->second;
}

LinearSum LayerLife::countBytesBefore(size_t event) {
  Sum sum;
  for (int16_t op = 0; op < m_graph.size(); ++op) {
    const profile::Operator& tensor = m_kind.operators[static_cast<size_t>(op)];
    const bool last = op == m_graph.last();
    const Sum kept = m_columns.made(op, kKeep, m_case);
    sum.add(aliveBefore(event, op, kept), bytes(last ? tensor.savedBytes : tensor.retainedBytes()));
    Sum rebuilt;
    for (const auto& [at, begin] : m_begins) {
      if (begin + static_cast<size_t>(op) < event) rebuilt.add(m_columns.made(op, at, m_case));
    }
    sum.add(aliveBefore(event, op, rebuilt), liveBytes(op));
  }
  return sum;
}

LinearSum LayerLife::made(Place at, int16_t op) const {
  Sum sum;
  return sum.add(m_columns.made(op, at, m_case), liveBytes(op));
}

LinearSum LayerLife::outputBefore(size_t event) const {
  Sum sum;
  if (lastReadOf(m_graph.last()) >= event)
    sum.add(Sum::of(HeuColumns::place(m_graph.last(), kKeep)),
            bytes(m_kind.operators.back().outputBytes));
  return sum;
}

LinearSum LayerLife::bytesInForward(int16_t now) const {
  Sum sum;
  for (int16_t op = 0; op <= now; ++op) {
    const auto& consumers = m_graph.operators[op].consumers;
    const bool read =
        std::any_of(consumers.begin(), consumers.end(), [&](int16_t c) { return c >= now; });
    if (op == now || read)
      sum.constant += liveBytes(op);
    else
      sum.add(Sum::of(HeuColumns::place(op, kKeep)), liveBytes(op));
  }
  return sum;
}

double LayerLife::liveBytes(int16_t op) const {
  const profile::Operator& tensor = m_kind.operators[static_cast<size_t>(op)];
  return bytes(op == m_graph.last() ? tensor.outputBytes + tensor.savedBytes : tensor.liveBytes());
}

size_t LayerLife::lastReadOf(int16_t op) const {
  size_t last = 0;
  for (const auto& [reader, event] : m_backwards) {
    const auto& reads = m_graph.operators[reader].backwardReads;
    if (std::find(reads.begin(), reads.end(), op) != reads.end()) last = std::max(last, event);
  }
  return last;
}

LinearSum LayerLife::aliveBefore(size_t event, int16_t op, const Sum& made) {
  if (made.coefficients.empty() || lastReadOf(op) >= event) return made;
  const bool needed = m_graph.operators[op].firstReader >= 0;
  std::vector<Sum> both;  // made, and read by this consumer from the event on
  bool readBefore = false;
  for (const int16_t consumer : m_graph.operators[op].consumers) {
    Sum reads;
    for (const auto& [at, begin] : m_begins) {
      const Sum read = m_columns.made(consumer, at, m_case);
      if (begin + static_cast<size_t>(consumer) >= event)
        reads.add(read);
      else
        readBefore |= !read.coefficients.empty();
    }
    if (reads.coefficients.empty()) continue;
    Sum& alive = both.emplace_back(made);
    alive.add(reads);
    alive.constant -= 1;
  }
  if (both.empty()) return {};
  // What backward does not read is only there for recomputations: one of them is still to come.
  if (!needed && !readBefore) return made;
  std::vector<std::map<size_t, double>> key;
  for (const Sum& sum : both) key.push_back(sum.coefficients);
  const auto [known, fresh] = m_products.try_emplace(std::move(key), 0);
  if (fresh) known->second = m_columns.largest(std::move(both));
  return Sum::of(known->second);
}

}  // namespace caracal::planner
