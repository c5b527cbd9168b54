#include "tests/core/planner/chain_program.h"

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

namespace caracal::planner {
namespace {

using plan::WindowId;
using test::LinearRow;

// Kept, or rebuilt at one of these places, in time order.
enum Place : size_t { kKeep, kPrevMlp, kPrevAttn, kDemandMlp, kOwn, kDemandAttn, kPlaces };
constexpr std::array<Place, 3> kWindows{kPrevMlp, kPrevAttn, kOwn};
constexpr std::array<const char*, kPlaces> kTexts{
    "retained", "window:prev.bwd.mlp", "window:prev.bwd.attn",
    "onDemand", "window:own.bwd.mlp",  "onDemand"};

}  // namespace

ChainProgram::ChainProgram(const StageModel& model, int64_t budgetBytes)
    : m_model(model),
      m_kind(model.shape().profile.kinds[0]),
      m_graph(model.shape().graphs.kinds[0]),
      m_layers(static_cast<size_t>(model.layersOfKind(0))),
      m_operators(m_kind.operators.size()),
      m_roomBytes(static_cast<double>(budgetBytes - model.baseBytes())) {
  const size_t binaries = m_layers * m_operators * kPlaces;
  m_columns = 2 * binaries + 2 * m_layers;  // chosen; behind a repeated collective; overflows
  m_objective.assign(m_columns, 0);
  m_upper.assign(m_columns, std::numeric_limits<double>::max());
  for (size_t layer = 0; layer < m_layers; ++layer) {
    for (size_t op = 0; op < m_operators; ++op) addOperator(layer, op);
    addBehind(layer);
    addOverflows(layer);
    addMemory(layer);
  }
  addForwardMemory();
}

std::optional<std::vector<double>> ChainProgram::solve() const {
  return test::solveWithCbc(m_objective, m_layers * m_operators * kPlaces, m_upper, m_rows);
}

double ChainProgram::valueOf(const std::vector<double>& solution) const {
  double value = 0;
  for (size_t c = 0; c < m_columns; ++c) value += m_objective[c] * solution[c];
  return value;
}

std::vector<plan::Placement> ChainProgram::placementsOf(const std::vector<double>& solution,
                                                        size_t layer) const {
  std::vector<plan::Placement> placements(m_operators, {plan::PlacementKind::kDiscarded});
  for (size_t op = 0; op < m_operators; ++op) {
    for (size_t place = 0; place < kPlaces; ++place) {
      if (solution[chosen(layer, op, place)] > 0.5)
        placements[op] = *plan::placementFromText(kTexts[place]);
    }
  }
  return placements;
}

void ChainProgram::cutOff(const std::vector<double>& solution) {
  LinearRow row;
  row.upper = -1;
  for (size_t layer = 0; layer < m_layers; ++layer) {
    for (size_t op = 0; op < m_operators; ++op) {
      for (size_t place = 0; place < kPlaces; ++place) {
        if (solution[chosen(layer, op, place)] <= 0.5) continue;
        ++row.upper;
        row.coefficients[chosen(layer, op, place)] = 1;
        if (place == kDemandMlp) row.coefficients[chosen(layer, op, kDemandAttn)] = 1;
        if (place == kDemandAttn) row.coefficients[chosen(layer, op, kDemandMlp)] = 1;
      }
    }
  }
  m_rows.push_back(std::move(row));
}

size_t ChainProgram::chosen(size_t layer, size_t op, size_t place) const {
  return (layer * m_operators + op) * kPlaces + place;
}

size_t ChainProgram::behind(size_t layer, size_t op, size_t place) const {
  return m_layers * m_operators * kPlaces + chosen(layer, op, place);
}

size_t ChainProgram::overflow(size_t layer, WindowId window) const {
  return m_columns - 1 - 2 * layer - (window == WindowId::kOwnBwdMlp ? 1 : 0);
}

bool ChainProgram::readInMlp(size_t op) const {
  return needed(op) && m_graph.readInMlpSegment(static_cast<int16_t>(op));
}

bool ChainProgram::exists(size_t layer, size_t op, size_t place) const {
  const bool top = layer + 1 == m_layers;
  if (op + 1 == m_operators) return place == kKeep || place == kDemandMlp;
  if (place == kPrevMlp || place == kPrevAttn) return !top;
  if (place == kOwn || place == kDemandAttn) return !readInMlp(op);
  return true;
}

void ChainProgram::addOperator(size_t layer, size_t op) {
  LinearRow once, onlyIfUsed;
  for (size_t place = 0; place < kPlaces; ++place) {
    m_upper[chosen(layer, op, place)] = exists(layer, op, place) ? 1 : 0;
    once.coefficients[chosen(layer, op, place)] = 1;
    onlyIfUsed.coefficients[chosen(layer, op, place)] = 1;
    if (place == kKeep) continue;
    for (const int16_t consumer : links(op).consumers)
      onlyIfUsed.coefficients[chosen(layer, static_cast<size_t>(consumer), place)] = -1;
    const bool window = std::find(kWindows.begin(), kWindows.end(), place) != kWindows.end();
    if (!window || links(op).collective)
      m_objective[chosen(layer, op, place)] = perMicroBatch() * ns(op);
    addOrder(layer, op, place);
  }
  once.upper = 1;
  if (needed(op)) once.lower = 1;
  m_rows.push_back(std::move(once));
  onlyIfUsed.upper = 0;
  if (!needed(op)) m_rows.push_back(std::move(onlyIfUsed));
}

void ChainProgram::addOrder(size_t layer, size_t op, size_t place) {
  for (const int16_t input : links(op).inputs) {
    if (input < 0) continue;
    LinearRow row;
    row.upper = 0;
    row.coefficients[chosen(layer, op, place)] = 1;
    for (size_t earlier = kKeep; earlier <= place; ++earlier)
      row.coefficients[chosen(layer, static_cast<size_t>(input), earlier)] = -1;
    m_rows.push_back(std::move(row));
  }
}

// What follows a repeated collective in a window is not hidden.
void ChainProgram::addBehind(size_t layer) {
  const auto add = [&](size_t collectiveLayer, size_t collective, size_t at, size_t op,
                       size_t place) {
    LinearRow row;
    row.lower = -1;
    row.coefficients[behind(layer, op, place)] = 1;
    row.coefficients[chosen(layer, op, place)] = -1;
    row.coefficients[chosen(collectiveLayer, collective, at)] = -1;
    m_rows.push_back(std::move(row));
  };
  for (size_t op = 0; op < m_operators; ++op) {
    if (links(op).collective) continue;
    for (const Place place : kWindows)
      m_objective[behind(layer, op, place)] = perMicroBatch() * ns(op);
    for (size_t other = 0; other < m_operators; ++other) {
      if (!links(other).collective) continue;
      for (const Place place : kWindows)
        if (other < op) add(layer, other, place, op, place);
      if (layer + 1 < m_layers) add(layer + 1, other, kOwn, op, kPrevMlp);
    }
  }
}

void ChainProgram::addOverflows(size_t layer) {
  const auto add = [&](WindowId window, std::initializer_list<std::pair<size_t, Place>> hosted) {
    m_objective[overflow(layer, window)] = perMicroBatch();
    LinearRow row;
    row.lower = -static_cast<double>(m_model.windowNs(0, window));
    row.coefficients[overflow(layer, window)] = 1;
    for (const auto& [from, place] : hosted) {
      for (size_t op = 0; op < m_operators; ++op) {
        if (links(op).collective) continue;
        row.coefficients[chosen(from, op, place)] = -ns(op);
        row.coefficients[behind(from, op, place)] = ns(op);
      }
    }
    m_rows.push_back(std::move(row));
  };
  if (layer == 0) {
    add(WindowId::kOwnBwdMlp, {{0, kOwn}});
  } else {
    add(WindowId::kOwnBwdMlp, {{layer, kOwn}, {layer - 1, kPrevMlp}});
    add(WindowId::kPrevBwdAttn, {{layer - 1, kPrevAttn}});
  }
}

// When the layer's MLP segment begins, and its attention segment: what the layers below keep, and
// what of its own is there and still unread.
void ChainProgram::addMemory(size_t layer) {
  LinearRow mlp, attn;
  const auto inputs = static_cast<double>(layer + 1) * static_cast<double>(m_kind.inputBytes);
  mlp.upper = attn.upper = m_roomBytes - inputs;
  for (size_t op = 0; op < m_operators; ++op) {
    const profile::Operator& tensor = m_kind.operators[op];
    const bool output = op + 1 == m_operators;
    const double kept = keptBytes(op);
    const auto live = static_cast<double>(output ? tensor.savedBytes : tensor.liveBytes());
    for (size_t below = 0; below < layer; ++below)
      mlp.coefficients[chosen(below, op, kKeep)] = attn.coefficients[chosen(below, op, kKeep)] =
          kept;
    if (!needed(op)) continue;
    mlp.coefficients[chosen(layer, op, kKeep)] = kept;
    for (const Place place : {kPrevMlp, kPrevAttn, kDemandMlp})
      mlp.coefficients[chosen(layer, op, place)] = live;
    if (layer > 0) attn.coefficients[chosen(layer - 1, op, kPrevMlp)] = live;
    if (readInMlp(op)) continue;
    attn.coefficients[chosen(layer, op, kKeep)] = kept;
    for (const Place place : {kPrevMlp, kPrevAttn, kDemandMlp, kOwn, kDemandAttn})
      attn.coefficients[chosen(layer, op, place)] = live;
  }
  m_rows.push_back(std::move(mlp));
  m_rows.push_back(std::move(attn));
}

// At each operator of the top layer's forward pass, and when the model's end runs.
void ChainProgram::addForwardMemory() {
  LinearRow below;
  below.upper =
      m_roomBytes - static_cast<double>(m_layers) * static_cast<double>(m_kind.inputBytes);
  for (size_t layer = 0; layer + 1 < m_layers; ++layer) {
    for (size_t op = 0; op < m_operators; ++op)
      below.coefficients[chosen(layer, op, kKeep)] = keptBytes(op);
  }
  for (size_t now = 0; now + 1 < m_operators; ++now) {
    LinearRow row = below;
    for (size_t op = 0; op <= now; ++op) {
      const auto live = static_cast<double>(m_kind.operators[op].liveBytes());
      const auto& consumers = links(op).consumers;
      const bool read =
          op == now || std::any_of(consumers.begin(), consumers.end(),
                                   [&](int16_t c) { return static_cast<size_t>(c) >= now; });
      if (read)
        row.upper -= live;
      else
        row.coefficients[chosen(m_layers - 1, op, kKeep)] = live;
    }
    m_rows.push_back(std::move(row));
  }
  for (size_t op = 0; op < m_operators; ++op)
    below.coefficients[chosen(m_layers - 1, op, kKeep)] = keptBytes(op);
  const plan::StageShape& shape = m_model.shape();
  below.upper -=
      static_cast<double>(m_kind.operators.back().outputBytes +
                          lastEndTimeline(shape.profile.last, shape.graphs.last).forward.peak);
  m_rows.push_back(std::move(below));
}

double ChainProgram::keptBytes(size_t op) const {
  const profile::Operator& tensor = m_kind.operators[op];
  return static_cast<double>(op + 1 == m_operators ? tensor.savedBytes : tensor.retainedBytes());
}

}  // namespace caracal::planner
