#include "core/plan/layer_graph.h"

#include <algorithm>
#include <string>
#include <unordered_map>

namespace caracal::plan {
namespace {

using profile::Operator;
using IndexOf = std::unordered_map<std::string, int16_t>;

IndexOf indexOperators(const std::vector<Operator>& operators) {
  IndexOf indexOf;
  for (size_t i = 0; i < operators.size(); ++i) indexOf[operators[i].id] = static_cast<int16_t>(i);
  return indexOf;
}

int16_t find(const IndexOf& indexOf, const std::string& id) {
  const auto found = indexOf.find(id);
  return found == indexOf.end() ? kLayerInput : found->second;
}

void linkInputs(const Operator& op, int16_t index, const IndexOf& indexOf, LayerGraph& graph) {
  OperatorLinks& links = graph.operators[index];
  for (const std::string& input : op.inputs) {
    const int16_t from = find(indexOf, input);
    links.inputs.push_back(from);
    if (from != kLayerInput) graph.operators[from].consumers.push_back(index);
  }
}

// A needed tensor that names no reader is read by its own operator's backward.
void linkReaders(const Operator& op, int16_t index, const IndexOf& indexOf, LayerGraph& graph) {
  if (!op.needed()) return;
  std::vector<int16_t> readers;
  for (const std::string& reader : op.savedFor) {
    if (const int16_t found = find(indexOf, reader); found >= 0) readers.push_back(found);
  }
  if (readers.empty()) readers.push_back(index);
  for (int16_t reader : readers) graph.operators[reader].backwardReads.push_back(index);
  graph.operators[index].firstReader = *std::max_element(readers.begin(), readers.end());
}

LayerGraph linkOperators(const std::vector<Operator>& operators, const IndexOf& indexOf) {
  LayerGraph graph;
  graph.operators.resize(operators.size());
  for (size_t i = 0; i < operators.size(); ++i) {
    const auto index = static_cast<int16_t>(i);
    graph.operators[i].collective = operators[i].kind == profile::OperatorKind::kCollective;
    graph.operators[i].weights = operators[i].weightGradientNs() > 0;
    linkInputs(operators[i], index, indexOf, graph);
    linkReaders(operators[i], index, indexOf, graph);
  }
  return graph;
}

void linkWindow(const profile::Window& window, int8_t index, int16_t op, LayerGraph& graph) {
  const auto host = [&](WindowId id) {
    int8_t& slot = graph.hosts[static_cast<size_t>(id)];
    if (slot < 0) slot = index;
  };
  if (window.id.starts_with("fwd.")) {
    graph.operators[op].forwardWindow = index;
    if (window.id == name(WindowId::kFwdAttn)) host(WindowId::kFwdAttn);
    if (window.id == name(WindowId::kFwdMlp)) host(WindowId::kFwdMlp);
  } else {
    graph.operators[op].backwardWindow = index;
    if (window.id == "bwd.attn") host(WindowId::kPrevBwdAttn);
    if (window.id == "bwd.mlp") {
      host(WindowId::kPrevBwdMlp);
      host(WindowId::kOwnBwdMlp);
      graph.mlpBegin = op;
    }
  }
}

}  // namespace

LayerGraph graphOf(const profile::LayerKind& kind) {
  const IndexOf indexOf = indexOperators(kind.operators);
  LayerGraph graph = linkOperators(kind.operators, indexOf);
  for (const char* id : {"gate", "fc1"}) {
    const int16_t found = find(indexOf, id);
    if (found >= 0) graph.mlpBegin = graph.mlpBegin > 0 ? std::min(graph.mlpBegin, found) : found;
  }
  for (size_t w = 0; w < kind.windows.size(); ++w) {
    const int16_t op = find(indexOf, kind.windows[w].after);
    if (op >= 0) linkWindow(kind.windows[w], static_cast<int8_t>(w), op, graph);
  }
  return graph;
}

LayerGraph graphOf(const profile::ModelEnd& end) {
  return linkOperators(end.operators, indexOperators(end.operators));
}

}  // namespace caracal::plan
