#include "core/planner/stage_mix.h"

#include <algorithm>

#include "core/planner/heu_problem.h"

namespace caracal::planner {
namespace {

double leastPriced(const std::vector<Column>& columns, double perByte) {
  double least = static_cast<double>(kNoLimit);
  for (const Column& column : columns) {
    least = std::min(
        least, static_cast<double>(column.costNs) + perByte * static_cast<double>(column.bytes));
  }
  return least;
}

}  // namespace

StageMix::StageMix(const StageModel& model, const StageGaps& gaps, int64_t budgetBytes,
                   MixLimits limits, MixStop stop)
    : m_model(model),
      m_gaps(gaps),
      m_budgetBytes(budgetBytes),
      m_limits(limits),
      m_stop(std::move(stop)),
      m_layers(model.shape().plan.layerCount()),
      m_table(model) {
  const int32_t kind = model.classes().front().kind;
  if (model.layersOfKind(kind) == m_layers) m_kind = kind;
  const Rows base = HeuProblem(model, gaps).baseBytes();
  m_roomBytes = budgetBytes == kNoLimit ? kNoLimit / 4
                                        : budgetBytes - base[static_cast<size_t>(Row::kTopMlp)];
}

StageChain StageMix::judge(Chain layers) {
  StageChain chain;
  chain.times = m_table.passTimes(layers);
  chain.objectiveNs = objectiveNs(m_model, m_gaps, chain.times);
  chain.peakBytes = m_table.peakBytes(layers);
  chain.layers = std::move(layers);
  return chain;
}

bool StageMix::accept(Chain layers, StageChain& best) {
  ++m_evaluations;
  if (objectiveNs(m_model, m_gaps, m_table.passTimes(layers)) >= best.objectiveNs) return false;
  StageChain chain = judge(std::move(layers));
  if (chain.peakBytes > m_budgetBytes) return false;
  best = std::move(chain);
  return true;
}

// What work in `pipe` can be charged by the nanosecond: as if only the last micro-batches found a
// wait, as in 1F1B with equal stages; as if none did; as if all did.
std::vector<ColumnPrices> StageMix::prices() const {
  const int64_t steady = m_model.steadyCount(), tail = m_model.tailCount();
  const int64_t all = m_model.microBatches();
  std::vector<ColumnPrices> prices;
  if (m_gaps.tail.exposedNs(1) < tail) prices.push_back({steady, all, steady, 0});
  prices.push_back({steady, all, steady, tail});
  if (m_gaps.steady.exposedNs(1) < steady) prices.push_back({steady, all, 0, 0});
  prices.resize(std::min(prices.size(), m_limits.pipePrices));
  return prices;
}

// The price of memory at which the knapsack's lower bound is highest.
void StageMix::price(Knapsack& knapsack) const {
  double most = 0;
  for (const auto* columns : {&knapsack.top, &knapsack.below}) {
    for (size_t c = 1; c < columns->size(); ++c) {
      const Column &small = (*columns)[c - 1], &large = (*columns)[c];
      most = std::max(most, static_cast<double>(small.costNs - large.costNs) /
                                static_cast<double>(large.bytes - small.bytes));
    }
  }
  const auto value = [&](double perByte) {
    return leastPriced(knapsack.top, perByte) +
           (m_layers > 1 ? (m_layers - 1) * leastPriced(knapsack.below, perByte) : 0.0) -
           perByte * static_cast<double>(knapsack.room);
  };
  double low = 0, high = most;
  for (int step = 0; step < 60; ++step) {
    const double a = low + (high - low) / 3, b = high - (high - low) / 3;
    if (value(a) < value(b))
      low = a;
    else
      high = b;
  }
  knapsack.perByte = (low + high) / 2;
  knapsack.leastTop = leastPriced(knapsack.top, knapsack.perByte);
  knapsack.leastBelow = m_layers > 1 ? leastPriced(knapsack.below, knapsack.perByte) : 0.0;
}

void StageMix::thin(Level& level, size_t most) {
  if (level.size() <= most) return;
  Level kept;
  for (size_t k = 0; k < most; ++k) {
    kept.push_back(level[level.size() * k / most]);
  }
  level = std::move(kept);
}

std::vector<StageMix::Level> StageMix::mixBelow(const Knapsack& knapsack) const {
  std::vector<Level> levels{{Mix{}}};
  for (int32_t layer = 1; layer < m_layers; ++layer) {
    if (m_stop.requested()) return {};
    const double rest = knapsack.leastTop + (m_layers - 1 - layer) * knapsack.leastBelow -
                        knapsack.perByte * static_cast<double>(knapsack.room);
    Level next;
    const Level& level = levels.back();
    for (size_t m = 0; m < level.size(); ++m) {
      if (m % 256 == 0 && m_stop.requested()) return {};
      for (size_t c = 0; c < knapsack.below.size(); ++c) {
        const Mix mix{level[m].bytes + knapsack.below[c].bytes,
                      level[m].costNs + knapsack.below[c].costNs, static_cast<int32_t>(c),
                      static_cast<int32_t>(m)};
        if (mix.bytes > knapsack.room) continue;
        const double least = static_cast<double>(mix.costNs) +
                             knapsack.perByte * static_cast<double>(mix.bytes) + rest;
        if (least * (1 - 1e-9) < static_cast<double>(knapsack.reachedNs)) next.push_back(mix);
      }
    }
    std::stable_sort(next.begin(), next.end(), [](const Mix& a, const Mix& b) {
      return a.bytes != b.bytes ? a.bytes < b.bytes : a.costNs < b.costNs;
    });
    Level front;
    for (const Mix& mix : next) {
      if (front.empty() || mix.costNs < front.back().costNs) front.push_back(mix);
    }
    thin(front, m_limits.mixes);
    levels.push_back(std::move(front));
  }
  return levels;
}

Chain StageMix::chainOf(const std::vector<Level>& levels, int32_t last, VariantId top,
                        const std::vector<VariantId>& ids) const {
  Chain layers;
  for (size_t level = levels.size() - 1; level > 0; --level) {
    const Mix& mix = levels[level][static_cast<size_t>(last)];
    layers.push_back(ids[static_cast<size_t>(mix.column)]);
    last = mix.before;
  }
  std::sort(layers.begin(), layers.end());  // equal policies side by side
  layers.push_back(top);
  return layers;
}

LayerColumns StageMix::columnsOf(LayerRole role, const ColumnPrices& prices, TopMemory topMemory) {
  if (role == LayerRole::kBelow && m_layers == 1) return {};
  return layerColumns(m_model, m_kind, role, prices, topMemory, m_limits.columnNodes, m_topBytes,
                      m_stop);
}

// Takes the cheapest mix; while it does not fit, the cheapest of those that take less.
void StageMix::addMix(const ColumnPrices& prices, TopMemory topMemory,
                      std::vector<StageChain>& chains) {
  const LayerColumns top = columnsOf(LayerRole::kTop, prices, topMemory);
  const LayerColumns below = columnsOf(LayerRole::kBelow, prices, topMemory);
  std::vector<VariantId> topIds, belowIds;
  for (const Column& column : top.plan) topIds.push_back(m_table.add(m_kind, column.placements));
  for (const Column& column : below.plan)
    belowIds.push_back(m_table.add(m_kind, column.placements));
  for (const auto* ids : {&belowIds, &topIds}) {
    for (VariantId id : *ids) {
      if (std::find(m_pool.begin(), m_pool.end(), id) == m_pool.end()) m_pool.push_back(id);
    }
  }
  Knapsack knapsack{top.plan, below.plan, m_roomBytes, kNoLimit};
  price(knapsack);
  const std::vector<Level> levels = mixBelow(knapsack);
  if (levels.empty()) return;
  const Level& mixes = levels.back();
  int64_t room = m_roomBytes;
  for (int attempt = 0; attempt < 24 && !m_stop.requested(); ++attempt) {
    int64_t leastNs = kNoLimit, bytes = 0;
    int32_t last = -1;
    size_t topColumn = 0;
    for (size_t t = 0; t < top.plan.size(); ++t) {
      const int64_t left = room - top.plan[t].bytes;
      const auto after = std::upper_bound(mixes.begin(), mixes.end(), left,
                                          [](int64_t b, const Mix& mix) { return b < mix.bytes; });
      if (after == mixes.begin()) continue;
      const Mix& mix = *std::prev(after);
      if (mix.costNs + top.plan[t].costNs >= leastNs) continue;
      leastNs = mix.costNs + top.plan[t].costNs;
      bytes = mix.bytes + top.plan[t].bytes;
      last = static_cast<int32_t>(std::prev(after) - mixes.begin());
      topColumn = t;
    }
    if (last < 0) return;
    StageChain chain = judge(chainOf(levels, last, topIds[topColumn], belowIds));
    const int64_t excess = chain.peakBytes - m_budgetBytes;
    if (excess <= 0) {
      chains.push_back(std::move(chain));
      return;
    }
    room = bytes - std::max<int64_t>(1, excess / 2);
  }
}

bool StageMix::replaceOne(StageChain& best, Step step) {
  bool better = false;
  Chain from = best.layers;
  for (size_t l = best.layers.size(); l-- > 0;) {
    for (const VariantId variant : m_pool) {
      if (mustStop()) return better;
      if (step == Step::kFirst) from = best.layers;
      if (variant == from[l]) continue;
      Chain layers = from;
      layers[l] = variant;
      better |= accept(std::move(layers), best);
    }
  }
  return better;
}

// One layer gives memory up, another takes it.
bool StageMix::exchangeTwo(StageChain& best) {
  const size_t reach = m_limits.reach;
  const auto place = [&](VariantId variant) {
    return static_cast<size_t>(std::find(m_pool.begin(), m_pool.end(), variant) - m_pool.begin());
  };
  for (size_t a = 0; a < best.layers.size(); ++a) {
    for (size_t b = 0; b < best.layers.size(); ++b) {
      const size_t less = place(best.layers[a]), more = place(best.layers[b]);
      if (a == b || less >= m_pool.size() || more >= m_pool.size()) continue;
      for (size_t down = 1; down <= std::min(reach, less); ++down) {
        for (size_t up = 1; up <= reach && more + up < m_pool.size(); ++up) {
          if (mustStop()) return false;
          Chain layers = best.layers;
          layers[a] = m_pool[less - down];
          layers[b] = m_pool[more + up];
          if (accept(std::move(layers), best)) return true;
        }
      }
    }
  }
  return false;
}

void StageMix::polish(StageChain& best, Step step) {
  while (!mustStop() && (replaceOne(best, step) || exchangeTwo(best))) {
  }
}

void StageMix::sortPool() {
  std::vector<std::pair<int64_t, VariantId>> byMemory;
  for (const VariantId variant : m_pool) {
    const Chain alike(static_cast<size_t>(m_layers), variant);
    byMemory.emplace_back(m_table.peakBytes(alike), variant);
  }
  std::sort(byMemory.begin(), byMemory.end());
  m_pool.clear();
  for (const auto& [bytes, variant] : byMemory) m_pool.push_back(variant);
}

StageChain StageMix::search(StageChain start) {
  const std::vector<StageChain> chains = searchAll(std::move(start));
  return *std::min_element(
      chains.begin(), chains.end(),
      [](const StageChain& a, const StageChain& b) { return a.objectiveNs < b.objectiveNs; });
}

std::vector<StageChain> StageMix::searchAll(StageChain start) {
  for (const VariantId variant : start.layers) {
    if (std::find(m_pool.begin(), m_pool.end(), variant) == m_pool.end()) m_pool.push_back(variant);
  }
  std::vector<StageChain> chains{std::move(start)};
  if (m_kind == kNoKind || chains.front().objectiveNs == 0) return chains;
  for (const ColumnPrices& at : prices()) {
    addMix(at, TopMemory::kMoments, chains);
    if (m_limits.topMemory == TopMemory::kTimeline) addMix(at, TopMemory::kTimeline, chains);
  }
  // Polishing is greedy: where it ends depends on the chain it starts from, on the order in which
  // policies are tried, and on taking the first step that helps or the steepest.
  constexpr size_t kWays = 4;
  const size_t ways = std::min(m_limits.ways, kWays);
  const size_t mixes = chains.size();
  m_mostEvaluations = m_limits.evaluations / static_cast<int64_t>(mixes * ways);
  for (size_t way = 0; way < ways; ++way) {
    if (way == 1) sortPool();
    if (way == 3) std::reverse(m_pool.begin(), m_pool.end());
    for (size_t c = 0; c < mixes; ++c) {
      StageChain chain = chains[c];
      m_evaluations = 0;
      polish(chain, way == 2 ? Step::kSteepest : Step::kFirst);
      chains.push_back(std::move(chain));
    }
  }
  return chains;
}

}  // namespace caracal::planner
