// FatePrices: lower bounds on what fates cost a stage, by Lagrangian duality. With a price on the
// memory of one row and on the room of the pooled windows every tensor can be priced alone; the
// prices are those for which the sum of cheapest fates is highest. Used by fate_search.cpp alone.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "core/planner/fate_table.h"
#include "core/planner/pooled_windows.h"

namespace caracal::planner {

class FatePrices {
 public:
  static constexpr size_t kDuals = 3;  // two for the objective, the last for recomputation
  using Sums = std::array<double, kDuals>;

  // REQUIRES that both outlive this.
  FatePrices(const FateTable& table, const PooledWindows& windows, int64_t budgetBytes);

  // With nothing decided.
  const Sums& least() const { return m_least; }

  // By how much the bounds change when `variable` gets `fate`: `bytes` are what it holds, `fates`
  // those decided before, of its consumers at least.
  Sums change(size_t variable, Fate fate, const Rows& bytes, const Fates& fates) const;

 private:
  struct Dual {
    Row row = Row::kTopMlp;
    double perByte = 0;
    double perEarlyNs = 0, perLateNs = 0, perLateCollectiveNs = 0;
    double earlyConstant = 0, lateConstant = 0;
    double constant() const { return earlyConstant + lateConstant; }
  };
  using Prices = std::array<double, kLevels>;
  using OfFates = std::array<double, kFateCount>;

  OfFates pricesOf(const Dual& dual, size_t variable) const;
  // Least price of each undecided variable with what is only made for it; returns their sum.
  double priceAll(const Dual& dual, std::vector<Prices>& prices) const;
  double valueOf(const Dual& dual);
  double memoryConstant(const Dual& dual) const;
  bool binds(Row row) const;
  Dual steepest(Row row) const;
  double raise(Dual& dual);
  Dual leastRecompute(Row row);
  void maximise(Dual& dual, double& value, double Dual::*of, double most);
  void maximiseEarly(Dual& dual, double& value);
  double steepestPerByte(Row row, double perNs) const;
  void chooseDuals();

  const FateTable& m_table;
  const PooledWindows& m_windows;
  int64_t m_budgetBytes;
  // As the table's, for thousands of evaluations; bytes by row and variable.
  std::array<std::vector<OfFates>, kRowCount> m_bytes;
  std::vector<double> m_ns;
  std::array<Dual, kDuals> m_duals;
  std::array<std::vector<Prices>, kDuals> m_prices;    // least, by when the tensor is asked for
  std::array<std::vector<OfFates>, kDuals> m_ofFates;  // of the tensor alone
  std::vector<Prices> m_scratch;
  Sums m_least{};
};

}  // namespace caracal::planner
