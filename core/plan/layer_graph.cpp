#include "core/plan/layer_graph.h"

#include <algorithm>
#include <string>
#include <string_view>
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

// Windows of a pass behind one another: forward by the operators that they follow, backward in
// reverse.
void linkWindows(const profile::LayerKind& kind, const IndexOf& indexOf, LayerGraph& graph) {
  for (size_t w = 0; w < kind.windows.size(); ++w) {
    const int16_t op = find(indexOf, kind.windows[w].after);
    if (op < 0) continue;
    OperatorLinks& links = graph.operators[op];
    if (kind.windows[w].ofBackward())
      links.backwardWindow = static_cast<int8_t>(w);
    else if (links.collective)
      links.forwardWindow = static_cast<int8_t>(w);
    if (kind.windows[w].id == "bwd.mlp") graph.mlpBegin = op;
  }
  for (int16_t op = 0; op < graph.size(); ++op) {
    const int8_t window = graph.operators[op].forwardWindow;
    if (window >= 0) graph.forwardWindows.push_back(window);
  }
  for (int16_t op = graph.last(); op >= 0; --op) {
    const int8_t window = graph.operators[op].backwardWindow;
    if (window >= 0) graph.backwardWindows.push_back(window);
  }
}

// The end of the part of `windows` that a placement named like `id` may use: behind it, or 0.
size_t endOf(const profile::LayerKind& kind, const std::vector<int8_t>& windows,
             std::string_view id) {
  const auto named = std::find_if(windows.begin(), windows.end(), [&](int8_t w) {
    return kind.windows[static_cast<size_t>(w)].id == id;
  });
  return named == windows.end() ? 0 : static_cast<size_t>(named - windows.begin()) + 1;
}

// With no bwd.mlp, a bwd.attn and all behind it are the attention's.
size_t backwardMlpEnd(const profile::LayerKind& kind, const LayerGraph& graph) {
  const size_t behindMlp = endOf(kind, graph.backwardWindows, "bwd.mlp");
  if (behindMlp > 0) return behindMlp;
  const size_t behindAttn = endOf(kind, graph.backwardWindows, "bwd.attn");
  return behindAttn > 0 ? behindAttn - 1 : graph.backwardWindows.size();
}

void linkHosts(const profile::LayerKind& kind, LayerGraph& graph) {
  const auto host = [&](WindowId id, const std::vector<int8_t>& windows, size_t begin, size_t end) {
    for (size_t w = begin; w < end; ++w) graph.hosts[static_cast<size_t>(id)].push_back(windows[w]);
  };
  const std::vector<int8_t>& forward = graph.forwardWindows;
  const size_t attnEnd = endOf(kind, forward, "fwd.attn");
  host(WindowId::kFwdAttn, forward, 0, attnEnd);
  host(WindowId::kFwdMlp, forward, attnEnd, forward.size());
  const std::vector<int8_t>& backward = graph.backwardWindows;
  const size_t mlpEnd = backwardMlpEnd(kind, graph);
  host(WindowId::kPrevBwdMlp, backward, 0, mlpEnd);
  host(WindowId::kPrevBwdAttn, backward, mlpEnd, backward.size());
  if (endOf(kind, backward, "bwd.mlp") > 0)
    host(WindowId::kOwnBwdMlp, backward, mlpEnd - 1, mlpEnd);
}

}  // namespace

LayerGraph graphOf(const profile::LayerKind& kind) {
  const IndexOf indexOf = indexOperators(kind.operators);
  LayerGraph graph = linkOperators(kind.operators, indexOf);
  for (const char* id : {"gate", "fc1"}) {
    const int16_t found = find(indexOf, id);
    if (found >= 0) graph.mlpBegin = graph.mlpBegin > 0 ? std::min(graph.mlpBegin, found) : found;
  }
  linkWindows(kind, indexOf, graph);
  linkHosts(kind, graph);
  return graph;
}

LayerGraph graphOf(const profile::ModelEnd& end) {
  return linkOperators(end.operators, indexOperators(end.operators));
}

}  // namespace caracal::plan
