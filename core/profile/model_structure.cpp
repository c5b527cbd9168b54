#include "core/profile/model_structure.h"

#include <algorithm>

#include "core/profile/parameters.h"
#include "core/profile/profile_json.h"

namespace caracal::profile {
namespace {

constexpr std::string_view kInput = "input";
// Far above any model, far below what sums of them would overflow.
constexpr int64_t kMost = 1'000'000'000'000'000;  // bytes, elements, ranks
constexpr int64_t kMostFlops = 1000 * kMost;

// Evaluates with the place of a failure: "attention.qkv.output: ...".
class Evaluation {
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

std::vector<Transfer> transfersOf(const std::vector<TableTransfer>& rows, std::string_view field,
                                  Evaluation& evaluate) {
  std::vector<Transfer> transfers;
  for (const TableTransfer& row : rows) {
    transfers.push_back({row.pattern, evaluate(row.bytes, field), evaluate(row.ranks, field)});
  }
  return transfers;
}

// Operators and windows of one layer kind or model end.
class Assembly {
 public:
  Assembly(const Sizes& sizes, int64_t inputBytes) : m_sizes(sizes), m_inputBytes(inputBytes) {}

  Result<void> add(const std::string& place, const TablePart& part) {
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

  // After all operators: readers come later in the layer than what they read.
  Result<void> finish() {
    for (size_t i = 0; i < m_rows.size(); ++i) CARACAL_CHECK_OK(addSaved(i));
    for (size_t i = 0; i < m_rows.size(); ++i) addMovedBytes(i);
    return {};
  }

  // REQUIRES finish(), which made the indices that windows name.
  Result<void> addWindows(const std::string& place, const TablePart& part) {
    for (const TableWindow& row : part.windows) {
      Evaluation evaluate(m_sizes, place + "." + row.id);
      if (evaluate(row.condition, "if") != 0) addWindow(row, evaluate);
      CARACAL_CHECK_OK(evaluate.status());
    }
    return {};
  }

  // Windows in the order of time: forward ones as their collectives, backward ones against it.
  void sortWindows() {
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

  std::vector<Operator> operators;
  std::vector<OperatorCost> costs;
  std::vector<Window> windows;
  std::vector<WindowCost> windowCosts;
  ParameterCount parameters;

 private:
  int indexOf(std::string_view id) const {
    const auto found = std::find_if(operators.begin(), operators.end(),
                                    [&](const Operator& op) { return op.id == id; });
    return found == operators.end() ? -1 : static_cast<int>(found - operators.begin());
  }

  static void addOnce(std::vector<std::string>& ids, const std::string& id) {
    if (std::find(ids.begin(), ids.end(), id) == ids.end()) ids.push_back(id);
  }

  // The first of "tp_attn|proj" that is here; empty: none is.
  std::string resolve(std::string_view names) const {
    while (!names.empty()) {
      const size_t bar = std::min(names.find('|'), names.size());
      const std::string_view id = names.substr(0, bar);
      if (id == kInput || indexOf(id) >= 0) return std::string(id);
      names.remove_prefix(std::min(bar + 1, names.size()));
    }
    return {};
  }

  void addOperator(const TableOperator& row, Evaluation& evaluate) {
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
    m_weightBytes.push_back(evaluate(row.weights, "weights") * elementBytes);
    parameters.shared += evaluate(row.parameters, "parameters");
    parameters.experts += evaluate(row.expertParameters, "expertParameters");
    m_rows.push_back(&row);
    operators.push_back(std::move(op));
    costs.push_back(std::move(cost));
    m_readBytes.push_back(row.readsInput ? m_inputBytes : 0);
  }

  Result<void> addSaved(size_t index) {
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
  void addMovedBytes(size_t index) {
    const Operator& op = operators[index];
    int64_t inputBytes = 0;
    for (const std::string& input : op.inputs) {
      inputBytes += input == kInput ? m_inputBytes
                                    : operators[static_cast<size_t>(indexOf(input))].outputBytes;
    }
    costs[index].forward.movedBytes =
        inputBytes + std::max(op.outputBytes, op.savedBytes) + m_weightBytes[index];
    costs[index].backward.movedBytes =
        op.outputBytes + m_readBytes[index] + inputBytes + 2 * m_weightBytes[index];
  }

  void addWindow(const TableWindow& row, Evaluation& evaluate) {
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

  const Sizes& m_sizes;
  int64_t m_inputBytes;
  std::vector<const TableOperator*> m_rows;
  std::vector<int64_t> m_weightBytes;  // per operator
  std::vector<int64_t> m_readBytes;    // per operator: saved bytes that its backward reads
  std::vector<std::pair<Window, WindowCost>> m_windows;
};

class Builder {
 public:
  Builder(const ModelDescription& model, const LayerTable& table)
      : m_model(model), m_table(table), m_sizes(sizesOf(model)) {}

  Result<ModelStructure> run() {
    for (const auto& [name, expression] : m_table.sizes) {
      if (m_sizes.contains(name)) {
        return tl::unexpected(Error{ErrorCode::kInvalidInput,
                                    fmt::format("\"{}\" exists already; choose another name", name),
                                    "sizes"});
      }
      auto value = expression.evaluate(m_sizes);
      if (!value) return tl::unexpected(at(value.error(), "sizes." + name));
      m_sizes[name] = *value;
    }
    auto input = m_table.inputBytes.evaluate(m_sizes);
    if (!input) return tl::unexpected(at(input.error(), "input"));
    m_inputBytes = *input;
    CARACAL_CHECK_OK(addLayers());
    CARACAL_TRY(first, endOf("first", m_table.first));
    CARACAL_TRY(last, endOf("last", m_table.last));
    m_structure.first = std::move(first);
    m_structure.last = std::move(last);
    return std::move(m_structure);
  }

 private:
  Result<void> addLayers() {
    std::vector<int> indexOfKind(m_table.kinds.size(), -1);
    for (int32_t layer = 0; layer < m_model.shape.layers; ++layer) {
      CARACAL_TRY(row, kindOfLayer(layer));
      if (indexOfKind[row] < 0) {
        CARACAL_TRY(made, layerOf(m_table.kinds[row]));
        indexOfKind[row] = static_cast<int>(m_structure.kinds.size());
        m_structure.kinds.push_back(std::move(made));
      }
      m_structure.layers.push_back(static_cast<uint32_t>(indexOfKind[row]));
    }
    return {};
  }

  Result<size_t> kindOfLayer(int32_t layer) const {
    Sizes sizes = m_sizes;
    sizes["layer"] = layer;
    for (size_t i = 0; i < m_table.kinds.size(); ++i) {
      auto holds = m_table.kinds[i].condition.evaluate(sizes);
      if (!holds) return tl::unexpected(at(holds.error(), "kinds." + m_table.kinds[i].id + ".if"));
      if (*holds != 0) return i;
    }
    return fail(ErrorCode::kInvalidInput,
                "no kind of layer holds for layer {}; let the last kind have no \"if\"", layer);
  }

  Result<LayerStructure> layerOf(const TableKind& row) const {
    Assembly assembly(m_sizes, m_inputBytes);
    for (const std::string& part : row.parts)
      CARACAL_CHECK_OK(assembly.add(part, m_table.parts.at(part)));
    CARACAL_CHECK_OK(assembly.finish());
    for (const std::string& part : row.parts)
      CARACAL_CHECK_OK(assembly.addWindows(part, m_table.parts.at(part)));
    assembly.sortWindows();
    LayerStructure layer;
    layer.kind.id = row.id;
    layer.kind.inputBytes = m_inputBytes;
    layer.kind.staticBytes = staticBytes(m_model, assembly.parameters);
    layer.kind.operators = std::move(assembly.operators);
    layer.kind.windows = std::move(assembly.windows);
    layer.costs = std::move(assembly.costs);
    layer.windows = std::move(assembly.windowCosts);
    layer.parameters = assembly.parameters;
    CARACAL_CHECK_OK(validate(layer.kind));
    return layer;
  }

  Result<EndStructure> endOf(const std::string& name, const TablePart& part) const {
    Assembly assembly(m_sizes, m_inputBytes);
    CARACAL_CHECK_OK(assembly.add(name, part));
    CARACAL_CHECK_OK(assembly.finish());
    EndStructure end;
    end.end.staticBytes = staticBytes(m_model, assembly.parameters);
    end.end.operators = std::move(assembly.operators);
    end.costs = std::move(assembly.costs);
    end.parameters = assembly.parameters;
    return end;
  }

  const ModelDescription& m_model;
  const LayerTable& m_table;
  Sizes m_sizes;
  int64_t m_inputBytes = 0;
  ModelStructure m_structure;
};

}  // namespace

Sizes sizesOf(const ModelDescription& model) {
  const ModelShape& shape = model.shape;
  const ParallelShape& parallel = model.parallel;
  const Architecture& design = model.architecture;
  return {{"s", shape.sequence},
          {"b", shape.microBatchSize},
          {"h", shape.hidden},
          {"a", shape.heads},
          {"kv", design.kvHeads > 0 ? design.kvHeads : shape.heads},
          {"d", shape.hidden / shape.heads},
          {"ffn", shape.ffn()},
          {"v", shape.vocabulary},
          {"e", shape.bytesPerElement},
          {"mask", shape.dropout > 0 ? model.dropoutMaskBytes : 0},
          {"experts", design.experts},
          {"topk", design.topK},
          {"moeEvery", design.moeEvery},
          {"t", parallel.tensor},
          {"cp", parallel.context},
          {"ep", design.expertParallel},
          {"stages", parallel.pipeline},
          {"layers", shape.layers},
          {"sp", parallel.sequenceParallel && parallel.tensor > 1 ? 1 : 0},
          {"fused", model.fusedAttention ? 1 : 0},
          {"gated", design.gatedMlp ? 1 : 0},
          {"biases", design.biases ? 1 : 0},
          {"rms", design.rmsNorm ? 1 : 0},
          {"rotary", design.rotary ? 1 : 0},
          {"tied", design.tiedEmbeddings ? 1 : 0}};
}

Result<ModelStructure> structureOf(const ModelDescription& model, const LayerTable& table) {
  return Builder(model, table).run();
}

Result<ModelStructure> structureOf(const ModelDescription& model) {
  const std::string name = model.table.empty() ? std::string(kStandardTable) : model.table;
  CARACAL_TRY(table, loadLayerTable(name));
  auto structure = structureOf(model, table);
  if (!structure) return tl::unexpected(at(structure.error(), "operator table " + name));
  return structure;
}

}  // namespace caracal::profile
