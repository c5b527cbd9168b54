// LayerFates: what may become of a layer's tensors (kept, rebuilt early or late, or neither),
// enumerated under given prices with a lower bound that cuts off what is too dear. The windows are
// chosen afterwards (layer_choices.h).
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <vector>

#include "core/planner/layer_terms.h"
#include "core/planner/mix_stop.h"

namespace caracal::planner {

enum class TensorFate : uint8_t { kAbsent, kKept, kEarly, kLate };

class LayerFates {
 public:
  // REQUIRES that `terms` outlives this.
  LayerFates(const LayerTerms& terms, const LayerPrices& prices);

  // Called with each complete choice whose bound is at most `limit`; returns the limit from then
  // on.
  using Visit = std::function<double(const std::vector<TensorFate>& fates)>;
  // Visits all of them, in a fixed order. False: `nodeLimit` nodes did not suffice, or `stop` ended
  // it.
  bool visit(double limit, int64_t nodeLimit, const MixStop& stop, const Visit& visit);

  int64_t nodes() const { return m_nodes; }

 private:
  enum Level : uint8_t { kNotAsked, kAskedLate, kAskedEarly, kLevels };
  static constexpr size_t kSlopes = 3;

  // A linear function below what early and late work cost together: with it every tensor has a
  // price of its own.
  struct Slope {
    double perEarlyNs = 0, perLateNs = 0, constant = 0;
    double mlpShare = 0;  // of the top layer's memory: as in its MLP segment, not the attention's
    std::vector<std::array<double, kLevels>> least;  // per tensor, with what is only made for it
  };
  struct Sums {
    double earlyNs = 0, lateNs = 0, charged = 0;
    double everyBytes = 0, mlpBytes = 0, attnBytes = 0;  // below the top layer both are the same
    std::array<double, kSlopes> priced{};
  };

  double earlyCost(double ns) const;
  double lateCost(double ns) const;
  void addSlopes();
  void price(Slope& slope) const;
  double rootOf(const Slope& slope) const;
  double tensorPrice(const Slope& slope, size_t index, TensorFate fate) const;
  Sums bytesOf(size_t index, TensorFate fate, bool usedLate) const;
  double boundOf(const Sums& sums) const;
  void decide(size_t undecided, const Sums& sums);
  void choose(size_t index, TensorFate fate, Level level, Sums sums);
  Level levelOf(size_t index) const;
  bool usedLate(size_t index) const;
  static Level asked(TensorFate fate);

  const LayerTerms& m_terms;
  LayerPrices m_prices;
  double m_pastForward = 0;  // per ns of early work that no forward window has room for
  std::vector<Slope> m_slopes;
  std::vector<TensorFate> m_fates;
  double m_limit = 0;
  int64_t m_nodes = 0, m_nodeLimit = 0;
  bool m_stopped = false;
  const MixStop* m_stop = nullptr;
  const Visit* m_visit = nullptr;
};

}  // namespace caracal::planner
