#include "core/profile/model_structure.h"

#include <algorithm>

#include "core/profile/layer_assembly.h"
#include "core/profile/parameters.h"
#include "core/profile/profile_json.h"

namespace caracal::profile {
namespace {

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
    LayerAssembly assembly(m_sizes, m_inputBytes);
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
    LayerAssembly assembly(m_sizes, m_inputBytes);
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

namespace {

Operator* find(EndStructure& end, std::string_view id) {
  const auto found = std::find_if(end.end.operators.begin(), end.end.operators.end(),
                                  [&](const Operator& op) { return op.id == id; });
  return found == end.end.operators.end() ? nullptr : &*found;
}

// Whole ends, of which each of `ranks` makes its rows.
Result<void> splitRows(int64_t ranks, ModelStructure& structure) {
  Operator* embed = find(structure.first, "embed");
  Operator* norm = find(structure.last, "final_ln");
  Operator* head = find(structure.last, "head");
  if (embed == nullptr || norm == nullptr || head == nullptr) {
    return fail(ErrorCode::kUnsupported,
                "sequence parallelism needs embed, final_ln and head at the ends of the model");
  }
  embed->outputBytes /= ranks;
  Operator gather;
  gather.id = "ag_head";
  gather.kind = OperatorKind::kCollective;
  gather.outputBytes = gather.savedBytes = norm->outputBytes;
  gather.savedFor = {"head"};
  gather.inputs = {"final_ln"};
  norm->outputBytes /= ranks;
  norm->savedBytes = 0;
  norm->savedFor.clear();
  head->inputs = {gather.id};
  const auto at = head - structure.last.end.operators.data();
  OperatorCost cost;
  cost.forward.transfers = {{Pattern::kAllGather, gather.outputBytes, ranks}};
  structure.last.costs.insert(structure.last.costs.begin() + at, cost);
  structure.last.end.operators.insert(structure.last.end.operators.begin() + at, gather);
  return {};
}

}  // namespace

Result<ModelStructure> structureWithWholeEnds(const ModelDescription& model) {
  CARACAL_TRY(structure, structureOf(model));
  ModelDescription whole = model;
  whole.parallel.tensor = 1;
  whole.parallel.pipeline = std::max(2, model.parallel.pipeline);
  CARACAL_TRY(ends, structureOf(whole));
  structure.first = std::move(ends.first);
  structure.last = std::move(ends.last);
  if (model.parallel.sequenceParallel && model.parallel.tensor > 1)
    CARACAL_CHECK_OK(splitRows(model.parallel.tensor, structure));
  return structure;
}

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
          {"ulysses", parallel.context > 1 && model.ulysses ? 1 : 0},
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
