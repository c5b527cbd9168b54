#include "core/sim/figures.h"

#include <algorithm>

namespace caracal::sim {
namespace {

using plan::Action;
using plan::Item;
using trace::Pass;

// Walks a stage's items in time order.
class FigureCounter {
 public:
  FigureCounter(const plan::StageProgram& program, const StageTimes& times)
      : m_program(program), m_times(times) {}

  StageFigures run() {
    for (size_t i = 0; i < m_program.items.size(); ++i) count(m_program.items[i], m_times.items[i]);
    return std::move(m_figures);
  }

 private:
  void count(const Item& item, const ItemTime& time) {
    const int64_t ns = time.endNs - time.beginNs;
    switch (item.action) {
      case Action::kForward:
      case Action::kBackward:
      case Action::kWeightGradient:
      case Action::kOptimizer:
        m_figures.busyNs += ns;
        break;
      case Action::kRecompute:
        m_figures.busyNs += ns;
        if (item.window == static_cast<int8_t>(plan::WindowId::kPipe))
          m_figures.pipeRecomputeNs += ns;
        countRecompute(item, time);
        break;
      case Action::kCollectiveStart:
        if (item.window == plan::kRepeatedCollective)
          countRecompute(item, time);
        else
          m_window = {time.beginNs, time.endNs};
        break;
      case Action::kOffloadWait:
      case Action::kFetchWait:
        m_figures.exposedOffloadNs += ns;
        break;
      case Action::kGradientReduce:
      case Action::kReduceWait:
        m_figures.exposedReduceNs += ns;
        break;
      case Action::kCollectiveWait:
        if (item.window != plan::kRepeatedCollective) m_window = {};
        break;
      default:
        break;
    }
    extendPass(item, time);
  }

  // Hidden is what lies in a span in which compute would have waited anyway: the open window, or,
  // before the pass has begun, the wait for the gradient.
  void countRecompute(const Item& item, const ItemTime& time) {
    const bool repeated = item.action == Action::kCollectiveStart;
    Span idle = repeated ? Span{} : m_window;
    if (waitsForGradient(item)) {
      idle = {time.beginNs, gradientArrivalNs(item)};
    }
    const int64_t hidden =
        Span{std::max(time.beginNs, idle.beginNs), std::min(time.endNs, idle.endNs)}.lengthNs();
    m_figures.hiddenRecomputeNs += hidden;
    m_figures.exposedRecomputeNs += time.endNs - time.beginNs - hidden;
  }

  bool waitsForGradient(const Item& item) const {
    return item.pass == Pass::kBackward && !passIsOpen(item) &&
           gradientArrivalNs(item) != kNeverArrives;
  }

  int64_t gradientArrivalNs(const Item& item) const {
    const auto& arrivals = m_times.gradients;
    if (arrivals.empty()) return kNeverArrives;
    size_t slot = 0;
    while (m_program.chunks[slot].chunk != item.chunk) ++slot;
    const size_t microBatches = arrivals.size() / m_program.chunks.size();
    return arrivals[slot * microBatches + static_cast<size_t>(item.passMicroBatch)].endNs;
  }

  bool passIsOpen(const Item& item) const {
    return !m_figures.passes.empty() && m_figures.passes.back().pass == item.pass &&
           m_figures.passes.back().microBatch == item.passMicroBatch &&
           m_figures.passes.back().chunk == item.chunk;
  }

  static bool startsBeside(Action action) {
    return action == Action::kCollectiveStart || action == Action::kOffloadStart ||
           action == Action::kFetchStart;
  }

  // A pass opens with what follows its receive, or with its first item where nothing is received.
  void extendPass(const Item& item, const ItemTime& time) {
    if (item.chunk < 0 || item.action == Action::kReduceStart) return;
    const bool receives =
        item.action == Action::kRecvForward || item.action == Action::kRecvBackward;
    if (!passIsOpen(item)) {
      if (!receives && waitsForGradient(item)) return;
      m_figures.passes.push_back(
          {item.pass, item.passMicroBatch, item.chunk, {receives ? time.endNs : time.beginNs, 0}});
    }
    const bool sends = item.action == Action::kSendForward || item.action == Action::kSendBackward;
    if (startsBeside(item.action)) return;  // ends with its Wait
    m_figures.passes.back().span.endNs = sends ? time.beginNs : time.endNs;
  }

  const plan::StageProgram& m_program;
  const StageTimes& m_times;
  StageFigures m_figures;
  Span m_window;  // the collective that is open
};

int64_t passWorkNs(const StageFigures& stage) {
  int64_t total = stage.pipeRecomputeNs;
  for (const PassTime& pass : stage.passes) total += pass.span.lengthNs();
  return total;
}

Span passSpan(const StageFigures& stage) {
  if (stage.passes.empty()) return {};
  return {stage.passes.front().span.beginNs, stage.passes.back().span.endNs};
}

}  // namespace

void StageFigures::add(const StageFigures& pass, int32_t microBatch) {
  for (PassTime time : pass.passes) {
    time.microBatch = microBatch;
    passes.push_back(time);
  }
  pipeRecomputeNs += pass.pipeRecomputeNs;
  busyNs += pass.busyNs;
  hiddenRecomputeNs += pass.hiddenRecomputeNs;
  exposedRecomputeNs += pass.exposedRecomputeNs;
  exposedOffloadNs += pass.exposedOffloadNs;
  exposedReduceNs += pass.exposedReduceNs;
}

StageFigures figuresOf(const plan::StageProgram& program, const StageTimes& times) {
  return FigureCounter(program, times).run();
}

void fillPipelineFigures(const std::vector<StageFigures>& stages, SimResult& result) {
  Span pipeline = passSpan(stages.front());
  const StageFigures* longest = &stages.front();
  for (const StageFigures& stage : stages) {
    const Span span = passSpan(stage);
    pipeline = {std::min(pipeline.beginNs, span.beginNs), std::max(pipeline.endNs, span.endNs)};
    if (span.lengthNs() > passSpan(*longest).lengthNs()) longest = &stage;
  }
  result.pipelineNs = pipeline.lengthNs();
  if (result.pipelineNs == 0) return;
  double bubbles = 0;
  for (size_t s = 0; s < stages.size(); ++s) {
    result.stages[s].bubbleNs = result.pipelineNs - passWorkNs(stages[s]);
    bubbles += static_cast<double>(result.stages[s].bubbleNs);
  }
  result.bubblePct =
      100.0 * bubbles / static_cast<double>(stages.size()) / static_cast<double>(result.pipelineNs);
  const auto cost = static_cast<double>(passSpan(*longest).lengthNs());
  result.zbBubbleRate = (cost - static_cast<double>(passWorkNs(*longest))) / cost;
}

}  // namespace caracal::sim
