#include "core/planner/heu_problem.h"

#include <algorithm>

#include "core/planner/layer_timeline.h"

namespace caracal::planner {
using plan::Slot;
using plan::WindowId;

HeuProblem::HeuProblem(const StageModel& model, const StageGaps& gaps)
    : m_model(model), m_gaps(gaps) {
  const plan::StageShape& shape = model.shape();
  m_variableOf.resize(shape.profile.kinds.size());
  findFullestOperator();
  for (int32_t kind = 0; kind < static_cast<int32_t>(shape.profile.kinds.size()); ++kind) {
    if (model.layersOfKind(kind) > 0) addVariables(kind);
  }
  // Checkpoints, and what the first end saves, of every micro-batch in flight.
  int64_t perMicroBatch = shape.profile.kindOf(shape.firstLayer()).inputBytes;
  for (int32_t layer = shape.firstLayer(); layer < shape.topLayer(); ++layer) {
    perMicroBatch += shape.operators(layer).back().outputBytes;
  }
  if (shape.isFirst()) {
    perMicroBatch += firstEndTimeline(shape.profile.first, shape.graphs.first, 0).forward.net;
  }
  m_baseBytes.fill(model.baseBytes() + model.inFlight() * perMicroBatch);
  const bool second = shape.topLayer() > shape.firstLayer();
  const int64_t topInputBytes =
      second ? shape.operators(shape.topLayer() - 1).back().outputBytes : 0;
  for (Row row : {Row::kSecondMlp, Row::kSecondAttn}) {
    int64_t& bytes = m_baseBytes[static_cast<size_t>(row)];
    bytes = second ? bytes - topInputBytes : 0;
  }
  setForwardBase();
  listSavings();
}

// The top layer's output is there beside the model's last end.
void HeuProblem::setForwardBase() {
  const plan::StageShape& shape = m_model.shape();
  if (!shape.isLast()) return;
  const EndTimeline end = lastEndTimeline(shape.profile.last, shape.graphs.last);
  const int64_t endBytes = std::max(end.forward.peak, end.forward.net + end.backward.peak);
  const int64_t outputBytes =
      shape.graphs.last.size() > 0 ? shape.operators(shape.topLayer()).back().outputBytes : 0;
  m_baseBytes[static_cast<size_t>(Row::kEnd)] += outputBytes + endBytes;
}

namespace {

// In the forward pass a tensor that is not kept is there until the last operator that reads it.
bool aliveAt(const plan::LayerGraph& graph, int16_t tensor, int16_t op) {
  const auto& consumers = graph.operators[tensor].consumers;
  const int16_t last =
      consumers.empty() ? tensor : *std::max_element(consumers.begin(), consumers.end());
  return tensor <= op && op <= std::max(tensor, last);
}

}  // namespace

void HeuProblem::findFullestOperator() {
  const plan::StageShape& shape = m_model.shape();
  const plan::LayerGraph& graph = shape.graph(shape.topLayer());
  const auto& operators = shape.operators(shape.topLayer());
  int64_t most = -1;
  for (int16_t op = 0; op < graph.last(); ++op) {
    int64_t bytes = 0;
    for (int16_t tensor = 0; tensor <= op; ++tensor) {
      if (aliveAt(graph, tensor, op)) bytes += operators[static_cast<size_t>(tensor)].liveBytes();
    }
    if (bytes <= most) continue;
    most = bytes;
    m_fullestOperator = op;
  }
}

// The newest micro-batch has passed all layers below the top one; the others hold what they keep,
// except that the oldest may have done with what was only kept for a recomputation.
void HeuProblem::setForwardBytes(Variable& variable) const {
  const plan::StageShape& shape = m_model.shape();
  const auto kind = static_cast<size_t>(variable.kind);
  const plan::LayerGraph& graph = shape.graphs.kinds[kind];
  const int64_t retained = variable.retainedBytes;
  const int64_t topLayer =
      shape.profile.layers[static_cast<size_t>(shape.topLayer())] == kind ? 1 : 0;
  const int64_t liveInTop = variable.op == graph.last() ? 0 : topLayer * variable.liveBytes;
  const int64_t all = variable.layers;
  const int64_t full = m_model.inFlight() - (variable.needed ? 1 : 2);
  const int64_t others = std::max<int64_t>(0, full) * all;
  const int16_t now = m_fullestOperator;
  const auto at = [&](Choice choice, Row row) -> int64_t& {
    return variable.bytes[static_cast<size_t>(choice)][static_cast<size_t>(row)];
  };
  for (size_t c = 0; c < kChoiceCount; ++c) {
    const auto choice = static_cast<Choice>(c);
    at(choice, Row::kForward) = aliveAt(graph, variable.op, now) ? liveInTop : 0;
    at(choice, Row::kEnd) = 0;
  }
  const int64_t outputs =
      variable.needed ? (m_model.inFlight() - 1) * topLayer * variable.outputBytes : 0;
  at(Choice::kRetain, Row::kForward) =
      (others + all - topLayer) * retained + outputs + (variable.op <= now ? liveInTop : 0);
  at(Choice::kRetain, Row::kEnd) = (others + all) * retained + outputs;
}

// Windows that every layer of the kind has, where there is one at all, the later ones first; what a
// stage's top layer lacks it rebuilds on demand, at a charge.
std::vector<Choice> HeuProblem::recomputeChoices(int32_t kind) const {
  const plan::StageShape& shape = m_model.shape();
  const plan::LayerGraph& graph = shape.graphs.kinds[static_cast<size_t>(kind)];
  bool someAbove = false;
  // plan::validate() asks that the top layer's own kind has the window, too.
  bool mlpAbove = graph.hasHost(WindowId::kPrevBwdMlp);
  bool attnAbove = graph.hasHost(WindowId::kPrevBwdAttn);
  for (const LayerClass& layer : m_model.classes()) {
    if (layer.kind != kind || layer.above == kNoKind) continue;
    const plan::LayerGraph& above = shape.graphs.kinds[static_cast<size_t>(layer.above)];
    someAbove = true;
    mlpAbove &= above.hasHost(WindowId::kPrevBwdMlp);
    attnAbove &= above.hasHost(WindowId::kPrevBwdAttn);
  }
  const bool nextForward = m_model.steadyCount() > 0;
  std::vector<Choice> choices;
  const auto offer = [&](bool exists, Choice choice) {
    if (exists) choices.push_back(choice);
  };
  offer(graph.hasHost(WindowId::kOwnBwdMlp), Choice::kOwnBwdMlp);
  offer(someAbove && attnAbove, Choice::kPrevBwdAttn);
  offer(someAbove && mlpAbove, Choice::kPrevBwdMlp);
  offer(nextForward && graph.hasHost(WindowId::kFwdMlp), Choice::kFwdMlp);
  offer(nextForward && graph.hasHost(WindowId::kFwdAttn), Choice::kFwdAttn);
  offer(shape.linkedAfter(), Choice::kPipe);
  return choices;
}

void HeuProblem::addVariables(int32_t kind) {
  const auto k = static_cast<size_t>(kind);
  const plan::LayerGraph& graph = m_model.shape().graphs.kinds[k];
  const std::vector<Choice> windows = recomputeChoices(kind);
  m_variableOf[k].resize(static_cast<size_t>(graph.size()));
  for (int16_t op = graph.last(); op >= 0; --op) {
    Variable variable;
    variable.kind = kind;
    variable.op = op;
    variable.needed = graph.operators[op].firstReader >= 0;
    variable.collective = graph.operators[op].collective;
    variable.layers = m_model.layersOfKind(kind);
    const profile::Operator& made =
        m_model.shape().profile.kinds[k].operators[static_cast<size_t>(op)];
    variable.forwardNs = made.forwardNs;
    const bool last = op == graph.last();
    variable.outputBytes = last ? made.outputBytes : 0;
    variable.liveBytes = last ? made.outputBytes + made.savedBytes : made.liveBytes();
    variable.retainedBytes = last ? made.savedBytes : made.retainedBytes();
    if (variable.needed)
      variable.deadline = graph.readInMlpSegment(op) ? Slot::kOnDemandMlp : Slot::kOnDemandAttn;
    // A layer's output is there until its backward, as the next layer's checkpoint: no window for
    // it.
    if (op != graph.last()) variable.recomputeChoices = windows;
    variable.recomputeChoices.push_back(Choice::kOnDemandAttn);
    variable.recomputeChoices.push_back(Choice::kOnDemandMlp);
    setBytes(variable);
    setForwardBytes(variable);
    m_variableOf[k][static_cast<size_t>(op)] = m_variables.size();
    m_variables.push_back(std::move(variable));
  }
}

// Counts the layers and micro-batches that hold the tensor at each row. N_s micro-batches hold what
// is retained; of the oldest, whose backward runs, layers whose segment is over have released
// theirs. Early work (fwd.*, pipe) is there for every layer of the oldest; late work for the layer
// at hand, and prev.* work for the layer below it.
void HeuProblem::setBytes(Variable& variable) const {
  const plan::StageShape& shape = m_model.shape();
  const int64_t retained = variable.retainedBytes, live = variable.liveBytes;
  const auto at = [&](int32_t fromTop) -> int64_t {
    const int32_t layer = shape.topLayer() - fromTop;
    if (layer < shape.firstLayer()) return 0;
    return static_cast<int32_t>(shape.profile.layers[static_cast<size_t>(layer)]) == variable.kind
               ? 1
               : 0;
  };
  const int64_t top = at(0), second = at(1), third = at(2);
  const int64_t all = variable.layers;
  const int64_t others = (m_model.inFlight() - 1) * all;
  const auto set = [&](Choice choice, int64_t bytes, Rows holders) {
    for (int64_t& count : holders) count *= bytes;
    variable.bytes[static_cast<size_t>(choice)] = holders;
  };
  if (!variable.needed) {
    set(Choice::kRetain, retained, {others, others, others, others});
    // What prev.* work reads may be gone once the bwd.mlp collective above is over.
    const int64_t low = all - top - second;
    variable.lateSourceBytes = {(all - top) * retained, low * retained, low * retained,
                                (low - third) * retained};
    return;
  }
  const bool mlp = variable.deadline == Slot::kOnDemandMlp;
  const Rows oldest = mlp ? Rows{all, all - top, all - top, all - top - second}
                          : Rows{all, all, all - top, all - top};
  Rows kept = oldest;
  for (int64_t& count : kept) count += others;
  set(Choice::kRetain, retained, kept);
  // Of the top layer, and where its own backward is next, that also keeps the output itself.
  const int64_t tops = (m_model.inFlight() - 1) * top;
  const Rows outputs = mlp ? Rows{tops + top, tops, tops + second, tops}
                           : Rows{tops + top, tops + top, tops + second, tops + second};
  Rows& keptBytes = variable.bytes[static_cast<size_t>(Choice::kRetain)];
  for (size_t row = 0; row < kRowCount; ++row)
    keptBytes[row] += outputs[row] * variable.outputBytes;
  for (Choice early : {Choice::kFwdAttn, Choice::kFwdMlp, Choice::kPipe}) set(early, live, oldest);
  if (mlp) {
    set(Choice::kPrevBwdMlp, live, {top, 0, second, third});
    for (Choice late : {Choice::kPrevBwdAttn, Choice::kOnDemandMlp})
      set(late, live, {top, 0, second, 0});
  } else {
    set(Choice::kPrevBwdMlp, live, {0, top, second, second + third});
    set(Choice::kPrevBwdAttn, live, {0, top, second, second});
    set(Choice::kOnDemandMlp, live, {top, top, second, second});
    for (Choice late : {Choice::kOwnBwdMlp, Choice::kOnDemandAttn})
      set(late, live, {0, top, 0, second});
  }
}

Rows HeuProblem::bytesOf(const Variable& variable, Choice choice, Slot lastUse) const {
  Rows bytes = variable.bytes[static_cast<size_t>(choice)];
  if (choice == Choice::kRetain && !variable.needed && lastUse >= Slot::kPrevBwdMlp) {
    for (size_t row = 0; row < kRowCount; ++row) bytes[row] += variable.lateSourceBytes[row];
  }
  return bytes;
}

}  // namespace caracal::planner
