// LayerAssembly: the operators and windows of one layer kind or model end, from a table's rows and
// a model's sizes. Part of structureOf() in model_structure.h.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/result.h"
#include "core/profile/layer_table.h"
#include "core/profile/model_structure.h"

namespace caracal::profile {

class LayerAssembly {
 public:
  // REQUIRES that sizes, and every part that is added, outlive this.
  LayerAssembly(const Sizes& sizes, int64_t inputBytes)
      : m_sizes(sizes), m_inputBytes(inputBytes) {}

  // The operators of a part whose `if` holds, behind those that are there. `place` begins errors.
  Result<void> add(const std::string& place, const TablePart& part);
  // After all operators: readers come later in the layer than what they read.
  Result<void> finish();
  // REQUIRES finish().
  Result<void> addWindows(const std::string& place, const TablePart& part);
  // After all windows: in the order of time, forward ones as their collectives, backward ones
  // against it.
  void sortWindows();

  std::vector<Operator> operators;
  std::vector<OperatorCost> costs;      // aligned with operators
  std::vector<Window> windows;          // after sortWindows()
  std::vector<WindowCost> windowCosts;  // aligned with windows
  ParameterCount parameters;

 private:
  class Evaluation;

  static std::vector<Transfer> transfersOf(const std::vector<TableTransfer>& rows,
                                           std::string_view field, Evaluation& evaluate);
  int indexOf(std::string_view id) const;  // -1: not here
  // The first of "tp_attn|proj" that is here; empty: none is.
  std::string resolve(std::string_view names) const;
  void addOperator(const TableOperator& row, Evaluation& evaluate);
  Result<void> addSaved(size_t index);
  void addMovedBytes(size_t index);
  void addWindow(const TableWindow& row, Evaluation& evaluate);

  const Sizes& m_sizes;
  int64_t m_inputBytes;
  std::vector<const TableOperator*> m_rows;
  std::vector<int64_t> m_weightBytes;  // per operator
  std::vector<int64_t> m_readBytes;    // per operator: saved bytes that its backward reads
  std::vector<std::pair<Window, WindowCost>> m_windows;
};

}  // namespace caracal::profile
