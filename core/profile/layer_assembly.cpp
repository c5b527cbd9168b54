#include "core/profile/layer_assembly.h"

#include <algorithm>

namespace caracal::profile {
namespace {

constexpr std::string_view kInput = "input";
// Far above any model, far below what sums of them would overflow.
constexpr int64_t kMost = 1'000'000'000'000'000;  // bytes, elements, ranks
constexpr int64_t kMostFlops = 1000 * kMost;

void addOnce(std::vector<std::string>& ids, const std::string& id) {
  if (std::find(ids.begin(), ids.end(), id) == ids.end()) ids.push_back(id);
}

}  // namespace

// Evaluates with the place of a failure: "attention.qkv.output: ...".
class LayerAssembly::Evaluation {
 public:
  Evaluation(const Sizes& sizes, std::string place) : m_sizes(sizes), m_place(std::move(place)) {}

  // 0 after a failure, of which the first is kept.
  int64_t operator()(const Expression& expression, std::string_view field, int64_t most = kMost) {
    auto value = expression.evaluate(m_sizes);
    if (!value) {
      fail(field, std::move(value.error().message));
      return 0;
    }
    if (*value < 0 || *value > most) {
      fail(field, fmt::format("\"{}\" is {}, which is not between 0 and {}; check the sizes",
                              expression.text(), *value, most));
      return 0;
    }
    return *value;
  }

  void fail(std::string_view field, std::string message) {
    if (m_status) {
      m_status = tl::unexpected(Error{ErrorCode::kInvalidInput, std::move(message),
                                      fmt::format("{}.{}", m_place, field)});
    }
  }

  const Result<void>& status() const { return m_status; }

 private:
  const Sizes& m_sizes;
  std::string m_place;
  Result<void> m_status;
};

std::vector<Transfer> LayerAssembly::transfersOf(const std::vector<TableTransfer>& rows,
                                                 std::string_view field, Evaluation& evaluate) {
  std::vector<Transfer> transfers;
  for (const TableTransfer& row : rows) {
    transfers.push_back({row.pattern, evaluate(row.bytes, field), evaluate(row.ranks, field)});
  }
  return transfers;
}

Result<void> LayerAssembly::add(const std::string& place, const TablePart& part) {
  for (const TableOperator& row : part.operators) {
    Evaluation evaluate(m_sizes, place + "." + row.id);
    if (evaluate(row.condition, "if") == 0) {
      CARACAL_CHECK_OK(evaluate.status());
      continue;
    }
    addOperator(row, evaluate);
    CARACAL_CHECK_OK(evaluate.status());
  }
  return {};
}

Result<void> LayerAssembly::finish() {
  for (size_t i = 0; i < m_rows.size(); ++i) CARACAL_CHECK_OK(addSaved(i));
  for (size_t i = 0; i < m_rows.size(); ++i) addMovedBytes(i);
  return {};
}

Result<void> LayerAssembly::addWindows(const std::string& place, const TablePart& part) {
  for (const TableWindow& row : part.windows) {
    Evaluation evaluate(m_sizes, place + "." + row.id);
    if (evaluate(row.condition, "if") != 0) addWindow(row, evaluate);
    CARACAL_CHECK_OK(evaluate.status());
  }
  return {};
}

void LayerAssembly::sortWindows() {
  const auto rank = [&](const std::pair<Window, WindowCost>& window) {
    const int after = indexOf(window.first.after);
    const bool forward = window.first.id.starts_with("fwd.");
    return forward ? after : 2 * static_cast<int>(operators.size()) - after;
  };
  std::stable_sort(m_windows.begin(), m_windows.end(),
                   [&](const auto& a, const auto& b) { return rank(a) < rank(b); });
  for (auto& [window, cost] : m_windows) {
    windows.push_back(std::move(window));
    windowCosts.push_back(std::move(cost));
  }
}

int LayerAssembly::indexOf(std::string_view id) const {
  const auto found = std::find_if(operators.begin(), operators.end(),
                                  [&](const Operator& op) { return op.id == id; });
  return found == operators.end() ? -1 : static_cast<int>(found - operators.begin());
}

std::string LayerAssembly::resolve(std::string_view names) const {
  while (!names.empty()) {
    const size_t bar = std::min(names.find('|'), names.size());
    const std::string_view id = names.substr(0, bar);
    if (id == kInput || indexOf(id) >= 0) return std::string(id);
    names.remove_prefix(std::min(bar + 1, names.size()));
  }
  return {};
}

void LayerAssembly::addOperator(const TableOperator& row, Evaluation& evaluate) {
  Operator op;
  op.id = row.id;
  if (indexOf(op.id) >= 0) evaluate.fail("id", "there are two operators of this id");
  op.kind = row.kind;
  for (const std::string& names : row.inputs) {
    const std::string input = resolve(names);
    if (input.empty()) {
      evaluate.fail("inputs", fmt::format("none of \"{}\" stands before it; name an earlier "
                                          "operator or \"input\"",
                                          names));
    }
    addOnce(op.inputs, input);
  }
  op.outputBytes = evaluate(row.outputBytes, "output");
  OperatorCost cost;
  cost.forward.flops = evaluate(row.flops, "flops", kMostFlops);
  cost.backward.flops = evaluate(row.backwardFlops, "backwardFlops", kMostFlops);
  cost.forward.transfers = transfersOf(row.forward, "forwardTransfers", evaluate);
  cost.backward.transfers = transfersOf(row.backward, "backwardTransfers", evaluate);
  const int64_t elementBytes = m_sizes.find("e")->second;
  const int64_t weights = evaluate(row.weights, "weights");
  const int64_t shared = evaluate(row.parameters, "parameters");
  const int64_t experts = evaluate(row.expertParameters, "expertParameters");
  m_weightBytes.push_back(weights * elementBytes);
  parameters.shared += shared;
  parameters.experts += experts;
  // A product of two activations has no weight gradient to run apart.
  if (op.kind == OperatorKind::kGemm && weights + shared + experts == 0) op.weightNs = 0;
  m_rows.push_back(&row);
  operators.push_back(std::move(op));
  costs.push_back(std::move(cost));
  m_readBytes.push_back(row.readsInput ? m_inputBytes : 0);
}

Result<void> LayerAssembly::addSaved(size_t index) {
  Operator& op = operators[index];
  Evaluation evaluate(m_sizes, op.id);
  for (const TableSaved& row : m_rows[index]->saved) {
    const int64_t bytes = evaluate(row.bytes, "saved");
    if (bytes == 0) continue;
    op.savedBytes += bytes;
    std::vector<std::string> readers;
    for (const std::string& names : row.readers) {
      const std::string reader = resolve(names);
      if (indexOf(reader) < 0) {
        evaluate.fail("saved", fmt::format("none of \"{}\" is an operator of this layer", names));
        continue;
      }
      addOnce(readers, reader);
      addOnce(op.savedFor, reader);
    }
    for (const std::string& reader : readers)
      m_readBytes[static_cast<size_t>(indexOf(reader))] += bytes;
  }
  return evaluate.status();
}

// Forward reads inputs and weights and writes the larger of output and what is saved; backward
// reads the output's gradient, weights and what was saved for it, and writes the gradients of
// inputs and weights.
void LayerAssembly::addMovedBytes(size_t index) {
  const Operator& op = operators[index];
  int64_t inputBytes = 0;
  for (const std::string& input : op.inputs) {
    inputBytes +=
        input == kInput ? m_inputBytes : operators[static_cast<size_t>(indexOf(input))].outputBytes;
  }
  costs[index].forward.movedBytes =
      inputBytes + std::max(op.outputBytes, op.savedBytes) + m_weightBytes[index];
  costs[index].backward.movedBytes =
      op.outputBytes + m_readBytes[index] + inputBytes + 2 * m_weightBytes[index];
}

void LayerAssembly::addWindow(const TableWindow& row, Evaluation& evaluate) {
  Window window;
  window.id = row.id;
  window.after = resolve(row.after);
  const int after = indexOf(window.after);
  if (after < 0) {
    evaluate.fail("after", fmt::format("none of \"{}\" is an operator of this layer", row.after));
    return;
  }
  WindowCost cost;
  if (row.transfers.empty()) {
    if (operators[static_cast<size_t>(after)].kind != OperatorKind::kCollective) {
      evaluate.fail("after", fmt::format("\"{}\" is no collective", window.after));
      return;
    }
    cost.transfers = costs[static_cast<size_t>(after)].forward.transfers;
  } else {
    cost.transfers = transfersOf(row.transfers, "transfers", evaluate);
  }
  for (const Transfer& transfer : cost.transfers)
    window.bytes += transfer.ranks > 1 ? transfer.bytes : 0;
  const auto sameEnd = [&](const auto& other) {
    return other.first.after == window.after && other.first.id.starts_with("bwd.");
  };
  if (!row.transfers.empty() && std::any_of(m_windows.begin(), m_windows.end(), sameEnd)) {
    evaluate.fail("after", fmt::format("another backward window is after \"{}\" already; list "
                                       "both transfers in one",
                                       window.after));
    return;
  }
  for (const std::string& names : row.beside) {
    if (const int beside = indexOf(resolve(names)); beside >= 0) cost.beside.push_back(beside);
  }
  m_windows.emplace_back(std::move(window), std::move(cost));
}

}  // namespace caracal::profile
