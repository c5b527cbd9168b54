#include "core/profile/layer_table.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <set>

#include "core/base/files.h"
#include "core/base/json_reader.h"
#include "core/base/resources.h"

namespace caracal::profile {
namespace {

constexpr std::array<std::pair<std::string_view, Pattern>, 4> kPatterns{{
    {"allReduce", Pattern::kAllReduce},
    {"allGather", Pattern::kAllGather},
    {"reduceScatter", Pattern::kReduceScatter},
    {"allToAll", Pattern::kAllToAll},
}};

Expression parsed(JsonNode& node, std::string_view key, const std::string& text) {
  auto expression = Expression::parse(text);
  if (expression) return std::move(*expression);
  node.fail(key, expression.error().message);
  return Expression::constant(0);
}

Expression read(JsonNode& node, std::string_view key) {
  const std::string text = node.text(key);
  return node.ok() ? parsed(node, key, text) : Expression::constant(0);
}

Expression readOr(JsonNode& node, std::string_view key, const Expression& fallback) {
  return node.has(key) ? read(node, key) : fallback;
}

// Another expression and what follows it: " * 2".
Expression extended(JsonNode& node, std::string_view key, const Expression& of,
                    const std::string& by) {
  return parsed(node, key, fmt::format("({}){}", of.text(), by));
}

template <class Value, class Read>
std::vector<Value> readList(JsonNode& node, std::string_view key, Read&& readOne) {
  std::vector<Value> values;
  if (!node.has(key)) return values;
  for (JsonNode& item : node.objects(key)) {
    values.push_back(readOne(item));
    item.finish();
  }
  return values;
}

TableTransfer readTransfer(JsonNode& node) {
  TableTransfer transfer;
  const std::string wanted = node.text("pattern");
  const auto* const found = std::find_if(kPatterns.begin(), kPatterns.end(),
                                         [&](const auto& known) { return known.first == wanted; });
  if (found != kPatterns.end()) {
    transfer.pattern = found->second;
  } else {
    node.fail("pattern", "must be allReduce, allGather, reduceScatter or allToAll");
  }
  transfer.bytes = read(node, "bytes");
  transfer.ranks = read(node, "ranks");
  return transfer;
}

TableSaved readSaved(JsonNode& node) {
  TableSaved saved;
  saved.bytes = read(node, "bytes");
  saved.readers = node.texts("for");
  if (saved.readers.empty())
    node.fail("for", "must name the operators whose backward reads these bytes");
  return saved;
}

OperatorKind readKind(JsonNode& node) {
  const auto kind = operatorKindFromName(node.text("kind"));
  if (kind) return *kind;
  node.fail("kind", "must be gemm, attention, elementwise, norm, collective or view");
  return OperatorKind::kElementwise;
}

TableOperator readOperator(JsonNode& node) {
  const Expression zero = Expression::constant(0);
  TableOperator op;
  op.id = node.text("id");
  op.condition = readOr(node, "if", Expression::constant(1));
  op.kind = readKind(node);
  op.inputs = node.has("inputs") ? node.texts("inputs") : std::vector<std::string>{};
  op.outputBytes = read(node, "output");
  op.saved = readList<TableSaved>(node, "saved", readSaved);
  op.readsInput = node.booleanOr("readsInput", false);
  op.flops = readOr(node, "flops", zero);
  // Attention computes the scores again: five products where forward has two. A GEMM has two.
  const bool attention = op.kind == OperatorKind::kAttention;
  op.backwardFlops = readOr(node, "backwardFlops",
                            extended(node, "flops", op.flops, attention ? " * 5 / 2" : " * 2"));
  op.parameters = readOr(node, "parameters", zero);
  op.expertParameters = readOr(node, "expertParameters", zero);
  const bool gemm = op.kind == OperatorKind::kGemm;
  op.weights = readOr(node, "weights",
                      gemm ? extended(node, "parameters", op.parameters,
                                      fmt::format(" + ({})", op.expertParameters.text()))
                           : zero);
  op.forward = readList<TableTransfer>(node, "forwardTransfers", readTransfer);
  op.backward = readList<TableTransfer>(node, "backwardTransfers", readTransfer);
  if (op.kind == OperatorKind::kCollective && op.forward.size() != 1)
    node.fail("forwardTransfers", "a collective must have one");
  return op;
}

TableWindow readWindow(JsonNode& node) {
  TableWindow window;
  window.id = node.text("id");
  window.condition = readOr(node, "if", Expression::constant(1));
  window.after = node.text("after");
  window.transfers = readList<TableTransfer>(node, "transfers", readTransfer);
  if (node.has("beside")) window.beside = node.texts("beside");
  const bool forward = window.id.starts_with("fwd.");
  if (!forward && !window.id.starts_with("bwd.")) node.fail("id", "must begin with fwd. or bwd.");
  if (forward != window.transfers.empty()) {
    node.fail("transfers", forward ? "must be left out: a forward window is the collective that it "
                                     "is after"
                                   : "must say what a backward window transfers");
  }
  return window;
}

TablePart readPart(JsonNode node) {
  TablePart part;
  part.operators = readList<TableOperator>(node, "operators", readOperator);
  part.windows = readList<TableWindow>(node, "windows", readWindow);
  node.finish();
  return part;
}

TableKind readTableKind(JsonNode& node) {
  TableKind kind;
  kind.id = node.text("id");
  kind.condition = readOr(node, "if", Expression::constant(1));
  kind.parts = node.texts("parts");
  return kind;
}

// "rows = tokens / t"
void readSizes(JsonNode& root, LayerTable& table) {
  if (!root.has("sizes")) return;
  for (const std::string& line : root.texts("sizes")) {
    const size_t sign = line.find('=');
    const std::string name = line.substr(0, line.find_last_not_of(' ', sign - 1) + 1);
    if (sign == std::string::npos || name.empty()) {
      root.fail("sizes", fmt::format("\"{}\" should read \"name = expression\"", line));
      return;
    }
    table.sizes.emplace_back(name, parsed(root, "sizes", line.substr(sign + 1)));
  }
}

void checkParts(JsonNode& root, const LayerTable& table) {
  if (table.kinds.empty()) root.fail("kinds", "must list at least one kind of layer");
  for (const TableKind& kind : table.kinds) {
    for (const std::string& part : kind.parts) {
      if (table.parts.contains(part)) continue;
      root.fail("kinds",
                fmt::format("kind \"{}\" names part \"{}\", which \"parts\" lacks", kind.id, part));
    }
  }
}

}  // namespace

Result<LayerTable> layerTableFromJson(std::string_view text) {
  CARACAL_TRY(document, JsonDocument::parse(text));
  JsonNode root = document.root();
  root.schema(kLayerTableSchema);
  LayerTable table;
  table.name = root.text("name");
  root.skip("source");
  root.skip("model");  // a description that uses this table: loadModel()
  readSizes(root, table);
  table.inputBytes = read(root, "input");
  JsonNode parts = root.object("parts");
  for (const std::string& name : parts.keys()) table.parts[name] = readPart(parts.object(name));
  table.kinds = readList<TableKind>(root, "kinds", readTableKind);
  table.first = readPart(root.object("first"));
  table.last = readPart(root.object("last"));
  checkParts(root, table);
  root.finish();
  if (document.error()) return tl::unexpected(*document.error());
  return table;
}

Result<LayerTable> loadLayerTable(const std::string& nameOrPath) {
  std::string path = nameOrPath;
  std::error_code ignored;
  if (!std::filesystem::is_regular_file(path, ignored)) {
    const auto found = findResource(fmt::format("models/layers/{}.json", nameOrPath));
    if (!found) {
      return fail(ErrorCode::kNotFound,
                  "operator table \"{}\" is neither a file nor one of the known tables: {}",
                  nameOrPath, fmt::join(listResources("models/layers"), ", "));
    }
    path = *found;
  }
  CARACAL_TRY(text, readTextFile(path));
  auto table = layerTableFromJson(text);
  if (!table) return tl::unexpected(at(table.error(), path));
  return table;
}

}  // namespace caracal::profile
