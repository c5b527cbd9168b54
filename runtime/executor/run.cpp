#include "runtime/executor/run.h"

#include <algorithm>
#include <cmath>
#include <new>
#include <system_error>
#include <thread>

#include "runtime/comm/step_barrier.h"
#include "runtime/executor/cpu_device.h"
#include "runtime/executor/rank_messages.h"
#include "runtime/executor/records.h"
#include "runtime/executor/replica_checkpoint.h"
#include "runtime/executor/stage_executor.h"
#include "runtime/kernels/gemm.h"

namespace caracal::executor {
namespace {

class Run {
 public:
  Run(const Job& job, const RunOptions& options, std::shared_ptr<const model::TextSource> text,
      const StepObserver& observer)
      : m_job(job),
        m_options(options),
        m_text(std::move(text)),
        m_observer(observer),
        m_ranks(job.model.parallel.ranks()),
        m_wire(options.processes != nullptr ? options.processes->wire.get() : nullptr),
        m_monitor({options.linkTimeout, options.stop}),
        m_network(m_monitor, job.model.parallel, options.links, m_wire),
        m_barrier(m_monitor, m_ranks, m_wire),
        m_clock(m_wire == nullptr ? comm::RunClock(options.clock)
                                  : comm::RunClock(options.clock, options.processes->originNs,
                                                   options.processes->tokenFile.get())),
        m_firstStep(options.resumeFrom != nullptr ? options.resumeFrom->progressed().stepsDone
                                                  : 0) {
    m_summary.ranks.resize(static_cast<size_t>(m_ranks));
  }

  Result<RunSummary> run() {
    kernels::useOneBlasThread();
    if (m_wire == nullptr) {
      startAndJoin();
    } else {
      backend().connect(*m_wire, m_monitor);
      m_wire->start(m_monitor);
      enter(m_wire->rank());
      m_wire->finish();
    }
    if (const auto failure = m_monitor.failure()) return tl::unexpected(*failure);
    return std::move(m_summary);
  }

 private:
  Backend& backend() { return m_options.backend != nullptr ? *m_options.backend : m_cpu; }

  void startAndJoin() {
    std::vector<std::jthread> threads;
    try {
      for (int32_t rank = 0; rank < m_ranks; ++rank) {
        threads.emplace_back([this, rank] { enter(rank); });
      }
    } catch (const std::system_error& error) {
      // Those that did start are waiting for the others.
      m_monitor.fail(
          {ErrorCode::kOutOfMemory,
           fmt::format("the system gives no thread to rank {} of {} ({}); use fewer ranks",
                       threads.size(), m_ranks, error.what()),
           {}});
    }
  }

  // The rank's thread: whatever goes wrong in it becomes the run's failure, with its name.
  void enter(int32_t rank) {
    const comm::Position position = comm::positionOf(m_job.model.parallel, rank);
    Result<void> outcome;
    try {
      outcome = train(position);
    } catch (const std::bad_alloc&) {
      outcome =
          fail(ErrorCode::kOutOfMemory, "out of memory; make the model or the micro-batch smaller");
    }
    if (outcome) return;
    m_monitor.fail(  // unless it has failed already
        at(outcome.error(), fmt::format("rank {} (stage {}, tensor {}, data {})", rank,
                                        position.stage, position.tensor, position.data)));
    if (m_wire != nullptr) m_wire->tellFailure(*m_monitor.failure());
  }

  RankOptions rankOptions(const comm::Position& position) {
    const profile::ParallelShape& parallel = m_job.model.parallel;
    RankOptions options;
    options.position = position;
    options.model.shape =
        model::rankShape(m_job.model.shape, parallel, position.tensor, m_job.model.fusedAttention);
    options.model.layers = layersOf(m_job, position.stage);
    options.model.dataIndex = position.data;
    options.model.dataReplicas = parallel.data;
    options.model.microBatches = parallel.microBatches;
    options.model.seed = m_options.seed;
    options.optimizer = m_options.optimizer;
    options.parallel = parallel;
    options.links = m_network.linksOf(position);
    options.speeds = m_options.links;
    options.monitor = &m_monitor;
    options.tensorMember = position.tensor;
    options.dataMember = position.data;
    return options;
  }

  Result<void> train(const comm::Position& position) {
    comm::useExactTimers();
    CARACAL_TRY(made, backend().makeDevice(rankOptions(position), m_text, m_clock));
    TrainingDevice& device = *made;
    if (m_options.resumeFrom != nullptr) CARACAL_CHECK_OK(resume(device));
    const plan::StageProgram& program = m_job.program.stages[static_cast<size_t>(position.stage)];
    StageExecutor executor(m_job, program, device, &m_monitor);
    // Weights are made and memory is touched before the clock of the first step starts.
    CARACAL_TRY(next, meet(position.rank, {}, [this](const auto&) { return startClock(); }));
    for (int32_t step = m_firstStep; step < m_firstStep + m_options.steps && !next.stops; ++step) {
      device.waitUntil(next.stepBeginNs);
      CARACAL_CHECK_OK(executor.runStep(step));
      CARACAL_CHECK_OK(device.finishStep());
      CARACAL_TRY(outcome, outcomeOf(position, step, device, executor));
      CARACAL_TRY(decided, meet(position.rank, toBytes(outcome), [&](const auto& handedIn) {
                    return endStep(step, next.stepBeginNs, handedIn);
                  }));
      next = decided;
      if (!next.writesCheckpoint) continue;
      CARACAL_TRY(resumed, meetForCheckpoint(position, step, next, device));
      next = resumed;
    }
    return summarize(position, device, executor);
  }

  Result<void> resume(TrainingDevice& device) const {
    CARACAL_TRY(parameters, device.fetchParameters());
    CARACAL_CHECK_OK(m_options.resumeFrom->restore(*parameters));
    return device.storeParameters();
  }

  // All ranks hand something in, one decides, and all go on with that.
  template <class Decide>
  Result<Decision> meet(int32_t rank, comm::Bytes own, Decide decide) {
    const auto decideAsBytes =
        [&](const std::vector<comm::Bytes>& handedIn) -> Result<comm::Bytes> {
      CARACAL_TRY(decision, decide(handedIn));
      m_clock.excludeNs(decision.pauseNs);
      return bytesOf(decision);
    };
    CARACAL_TRY(bytes, m_barrier.arrive(rank, std::move(own), decideAsBytes));
    const auto decision = valueOf<Decision>(bytes);
    const bool decidedElsewhere = m_wire != nullptr && rank != 0;
    if (decidedElsewhere) m_clock.excludeNs(decision.pauseNs);
    return decision;
  }

  Result<Decision> startClock() const {
    Decision decision;
    if (m_clock.kind() == comm::ClockKind::kWall) decision.stepBeginNs = m_clock.wallNowNs();
    return decision;
  }

  Result<RankOutcome> outcomeOf(const comm::Position& position, int32_t step,
                                TrainingDevice& device, StageExecutor& executor) const {
    RankOutcome outcome;
    outcome.step = {position, device.takeTimings(), executor.takeMemory()};
    outcome.endNs = device.nowNs();
    outcome.lossSum = device.takeLossSum();
    outcome.peakBytes = executor.peakBytes();
    outcome.signal = m_options.stop != nullptr ? m_options.stop->signal.load() : 0;
    if (!std::isfinite(outcome.lossSum)) {
      return fail(ErrorCode::kInvalidInput, "the loss of step {} is not finite; use a smaller --lr",
                  step);
    }
    return outcome;
  }

  // Run for all ranks, while they stand still.
  Result<Decision> endStep(int32_t step, int64_t beginNs,
                           const std::vector<comm::Bytes>& handedIn) {
    const StepOutcomes all = outcomesFrom(handedIn, m_job.model.parallel);
    if (m_summary.signal == 0) {
      m_summary.signal = all.signal;
      m_summary.signalledRank = all.signalledRank;
    }
    const StepReport report{step, {beginNs, std::max(beginNs, all.endNs)}, all.loss, all.peakBytes};
    m_summary.steps.push_back(report);
    Decision decision;
    decision.stepBeginNs = report.span.endNs;
    decision.stops = m_summary.signal != 0;
    if (m_observer) {
      const StepFrame frame{step, report.span, report.loss, report.peakBytes};
      CARACAL_TRY(go,
                  m_observer(report, recordsOf(m_job.profile, m_job.program, frame, all.ranks)));
      decision.stops = decision.stops || go == Continue::kNo;
    }
    decision.writesCheckpoint = checkpointIsDue(step, decision.stops);
    if (!decision.writesCheckpoint) decision.pauseNs = pauseSince(decision.stepBeginNs);
    return decision;
  }

  int64_t pauseSince(int64_t stepEndNs) const {
    return m_clock.kind() == comm::ClockKind::kWall ? m_clock.wallNowNs() - stepEndNs : 0;
  }

  bool checkpointIsDue(int32_t step, bool stops) const {
    if (m_options.checkpointPath.empty()) return false;
    const int32_t done = step + 1;
    const bool last = stops || done == m_firstStep + m_options.steps;
    return last || (m_options.checkpointEvery > 0 && done % m_options.checkpointEvery == 0);
  }

  // Ranks hand in their parameters, and they are written.
  Result<Decision> meetForCheckpoint(const comm::Position& position, int32_t step,
                                     Decision decision, TrainingDevice& device) {
    comm::Bytes own;
    if (handsIntoCheckpoint(m_job, position)) {
      CARACAL_TRY(parameters, device.fetchParameters());
      own = checkpointPart(position, *parameters);
    }
    return meet(position.rank, std::move(own),
                [&](const std::vector<comm::Bytes>& handedIn) -> Result<Decision> {
                  CARACAL_CHECK_OK(writeCheckpoint(m_options.checkpointPath,
                                                   {step + 1, m_options.seed}, m_job, handedIn));
                  decision.writesCheckpoint = false;
                  decision.pauseNs = pauseSince(decision.stepBeginNs);
                  return decision;
                });
  }

  // Where ranks are processes, the summary of rank 0 alone is whole, but for weights of others.
  Result<void> summarize(const comm::Position& position, TrainingDevice& device,
                         const StageExecutor& executor) {
    const RankFigures own{position,
                          device.staticBytes(),
                          device.workspaceBytes(),
                          executor.peakBytes(),
                          executor.reservedBytes(),
                          device.overshoot()};
    CARACAL_CHECK_OK(
        meet(position.rank, bytesOf(own), [&](const auto& handedIn) -> Result<Decision> {
          takeFigures(handedIn, m_summary.ranks);
          return Decision{};
        }));
    if (!m_options.returnsWeights) return {};
    RankSummary& summary = m_summary.ranks[static_cast<size_t>(position.rank)];
    CARACAL_TRY(parameters, device.fetchParameters());
    summary.parameters = parameters->specs();
    const std::span<const float> weights = parameters->weights();
    summary.weights.assign(weights.begin(), weights.end());
    return {};
  }

  const Job& m_job;
  const RunOptions& m_options;
  std::shared_ptr<const model::TextSource> m_text;
  const StepObserver& m_observer;
  int32_t m_ranks;
  comm::SocketWire* m_wire;  // nullptr: all ranks are threads
  comm::Monitor m_monitor;
  comm::Network m_network;
  comm::StepBarrier m_barrier;
  comm::RunClock m_clock;
  CpuBackend m_cpu;
  RunSummary m_summary;  // `ranks`: each rank writes its own; the rest by whoever decides
  int32_t m_firstStep;
};

}  // namespace

Result<RunSummary> run(const Job& job, const RunOptions& options,
                       std::shared_ptr<const model::TextSource> text,
                       const StepObserver& observer) {
  return Run(job, options, std::move(text), observer).run();
}

}  // namespace caracal::executor
