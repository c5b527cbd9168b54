// StageMix: one stage whose layers may differ. From the layers' columns (layer_columns.h) it mixes
// the stage's best chain of policies under the budget, as a multi-choice knapsack in exact bytes.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "core/planner/heu_search.h"
#include "core/planner/layer_columns.h"
#include "core/planner/variant_table.h"

namespace caracal::planner {

struct MixLimits {
  int64_t columnNodes = 0;  // search nodes for the columns of each role
  size_t mixes = 0;         // partial mixes kept per layer
  int64_t evaluations = 0;  // chains judged
  size_t reach = 0;         // how far up and down the columns two layers exchange memory
  size_t ways = 0;          // of polishing a mix, at most 4
  size_t pipePrices = 0;    // prices of work in waits for gradients
  TopMemory topMemory = TopMemory::kMoments;
};
inline constexpr MixLimits kQuickMix{4'000, 64, 900, 2, 1, 2, TopMemory::kMoments};
inline constexpr MixLimits kThoroughMix{5'000'000, 20'000, 1'000'000,           12,
                                        4,         3,      TopMemory::kTimeline};

struct StageChain {
  Chain layers;  // bottom first, of StageMix::table()
  PassTimes times;
  int64_t objectiveNs = 0;  // heu_search.h
  int64_t peakBytes = 0;
};

class StageMix {
 public:
  // REQUIRES that `model` and `gaps` outlive this.
  StageMix(const StageModel& model, const StageGaps& gaps, int64_t budgetBytes, MixLimits limits,
           MixStop stop);

  VariantTable& table() { return m_table; }
  const VariantTable& table() const { return m_table; }
  int64_t budgetBytes() const { return m_budgetBytes; }
  StageChain judge(Chain layers);

  // The best chain found that fits, starting from `start`, which must: never worse than it. The
  // same limits give the same chain.
  StageChain search(StageChain start);
  // All that it finds, `start` first.
  std::vector<StageChain> searchAll(StageChain start);

  bool stopped() const { return m_stopped; }

 private:
  // Policies for some of the layers below the top one.
  struct Mix {
    int64_t bytes = 0;
    int64_t costNs = 0;
    int32_t column = -1;  // of the last layer
    int32_t before = -1;  // of the others, in the level before
  };
  using Level = std::vector<Mix>;  // by rising bytes and falling cost
  struct Knapsack {
    const std::vector<Column>& top;
    const std::vector<Column>& below;
    int64_t room = 0;
    int64_t reachedNs = 0;  // mixes that cannot cost less are of no interest
    double perByte = 0;     // price of memory, and what it makes a layer cost at least
    double leastTop = 0, leastBelow = 0;
  };

  void price(Knapsack& knapsack) const;
  std::vector<Level> mixBelow(const Knapsack& knapsack) const;
  static void thin(Level& level, size_t most);
  Chain chainOf(const std::vector<Level>& levels, int32_t last, VariantId top,
                const std::vector<VariantId>& ids) const;

  LayerColumns columnsOf(LayerRole role, const ColumnPrices& prices, TopMemory topMemory);
  // Adds the cheapest mix that fits, if one is found.
  void addMix(const ColumnPrices& prices, TopMemory topMemory, std::vector<StageChain>& chains);
  void sortPool();
  enum class Step : uint8_t { kFirst, kSteepest };
  void polish(StageChain& best, Step step);
  bool replaceOne(StageChain& best, Step step);
  bool exchangeTwo(StageChain& best);
  bool accept(Chain layers, StageChain& best);
  std::vector<ColumnPrices> prices() const;
  bool mustStop() {
    if (!m_stopped && m_stop.requested()) m_stopped = true;
    return m_stopped || m_evaluations >= m_mostEvaluations;
  }

  const StageModel& m_model;
  const StageGaps& m_gaps;
  int64_t m_budgetBytes;
  MixLimits m_limits;
  MixStop m_stop;
  int32_t m_kind = kNoKind;  // kNoKind: the stage holds several; columns cannot be mixed yet
  int32_t m_layers = 0;
  int64_t m_roomBytes = 0;  // budget, less what the stage holds whatever the policies
  VariantTable m_table;
  std::vector<VariantId> m_pool;  // policies to replace others by, least memory first
  TopBytes m_topBytes;
  int64_t m_evaluations = 0, m_mostEvaluations = 0;
  bool m_stopped = false;
};

}  // namespace caracal::planner
