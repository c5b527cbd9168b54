#include "runtime/executor/run.h"

#include <algorithm>
#include <cmath>
#include <new>
#include <system_error>
#include <thread>

#include "runtime/comm/step_barrier.h"
#include "runtime/executor/cpu_device.h"
#include "runtime/executor/records.h"
#include "runtime/executor/stage_executor.h"
#include "runtime/kernels/gemm.h"

namespace caracal::executor {
namespace {

// What one rank hands to the barrier after a step.
struct RankOutcome {
  RankStep step;
  int64_t endNs = 0;
  double lossSum = 0;
  int64_t peakBytes = 0;
};

class Run {
 public:
  Run(const Job& job, const RunOptions& options, std::shared_ptr<const model::TextSource> text,
      const StepObserver& observer)
      : m_job(job),
        m_options(options),
        m_text(std::move(text)),
        m_observer(observer),
        m_ranks(job.model.parallel.ranks()),
        m_network(m_monitor, job.model.parallel, options.links),
        m_barrier(m_monitor, m_ranks),
        m_clock(options.clock),
        m_outcomes(static_cast<size_t>(m_ranks)),
        m_devices(static_cast<size_t>(m_ranks)),
        m_firstStep(options.resumeFrom != nullptr ? options.resumeFrom->progressed().stepsDone
                                                  : 0) {
    m_summary.ranks.resize(static_cast<size_t>(m_ranks));
  }

  Result<RunSummary> run() {
    kernels::useOneBlasThread();
    startAndJoin();
    if (const auto failure = m_monitor.failure()) return tl::unexpected(*failure);
    return std::move(m_summary);
  }

 private:
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
    if (outcome || m_monitor.failure()) return;
    m_monitor.fail(
        at(outcome.error(), fmt::format("rank {} (stage {}, tensor {}, data {})", rank,
                                        position.stage, position.tensor, position.data)));
  }

  RankOptions rankOptions(const comm::Position& position) const {
    const profile::ParallelShape& parallel = m_job.model.parallel;
    RankOptions options;
    options.position = position;
    options.model.shape = model::rankShape(m_job.model.shape, parallel, position.tensor);
    options.model.layers = layersOf(m_job, position.stage);
    options.model.dataIndex = position.data;
    options.model.dataReplicas = parallel.data;
    options.model.microBatches = parallel.microBatches;
    options.model.seed = m_options.seed;
    options.optimizer = m_options.optimizer;
    options.links = m_network.linksOf(position);
    options.tensorMember = position.tensor;
    options.dataMember = position.data;
    return options;
  }

  Result<void> train(const comm::Position& position) {
    comm::useExactTimers();
    Backend& backend = m_options.backend != nullptr ? *m_options.backend : m_cpu;
    CARACAL_TRY(made, backend.makeDevice(rankOptions(position), m_text, m_clock));
    TrainingDevice& device = *made;
    m_devices[static_cast<size_t>(position.rank)] = &device;
    if (m_options.resumeFrom != nullptr) CARACAL_CHECK_OK(resume(device));
    const plan::StageProgram& program = m_job.program.stages[static_cast<size_t>(position.stage)];
    StageExecutor executor(m_job, program, device);
    // Weights are made and memory is touched before the clock of the first step starts.
    CARACAL_CHECK_OK(m_barrier.arrive([this] { return startClock(); }));
    for (int32_t step = m_firstStep; step < m_firstStep + m_options.steps; ++step) {
      device.waitUntil(m_stepBeginNs);
      CARACAL_CHECK_OK(executor.runStep(step));
      CARACAL_CHECK_OK(device.finishStep());
      CARACAL_CHECK_OK(report(position, step, device, executor));
      CARACAL_CHECK_OK(m_barrier.arrive([this, step] { return endStep(step); }));
      if (m_stop) break;
    }
    return summarize(position, device, executor);
  }

  Result<void> resume(TrainingDevice& device) const {
    CARACAL_TRY(parameters, device.fetchParameters());
    CARACAL_CHECK_OK(m_options.resumeFrom->restore(*parameters));
    return device.storeParameters();
  }

  Result<void> startClock() {
    m_stepBeginNs = m_clock.kind() == comm::ClockKind::kWall ? m_clock.wallNowNs() : 0;
    return {};
  }

  Result<void> report(const comm::Position& position, int32_t step, TrainingDevice& device,
                      StageExecutor& executor) {
    RankOutcome& outcome = m_outcomes[static_cast<size_t>(position.rank)];
    outcome.step = {position, device.takeTimings(), executor.takeMemory()};
    outcome.endNs = device.nowNs();
    outcome.lossSum = device.takeLossSum();
    outcome.peakBytes = executor.peakBytes();
    if (!std::isfinite(outcome.lossSum)) {
      return fail(ErrorCode::kInvalidInput, "the loss of step {} is not finite; use a smaller --lr",
                  step);
    }
    return {};
  }

  // Run by the last rank to arrive, alone.
  Result<void> endStep(int32_t step) {
    StepReport report;
    report.step = step;
    report.span = {m_stepBeginNs, m_stepBeginNs};
    std::vector<RankStep> ranks;
    for (RankOutcome& outcome : m_outcomes) {
      report.span.endNs = std::max(report.span.endNs, outcome.endNs);
      report.peakBytes = std::max(report.peakBytes, outcome.peakBytes);
      if (outcome.step.position.tensor == 0) report.loss += outcome.lossSum;
      ranks.push_back(std::move(outcome.step));
    }
    const profile::ParallelShape& parallel = m_job.model.parallel;
    report.loss /= static_cast<double>(parallel.microBatches) * parallel.data;
    m_summary.steps.push_back(report);
    if (m_observer) {
      const StepFrame frame{step, report.span, report.loss, report.peakBytes};
      CARACAL_TRY(go, m_observer(report, recordsOf(m_job.profile, m_job.program, frame, ranks)));
      m_stop = go == Continue::kNo;
    }
    CARACAL_CHECK_OK(writeCheckpointAfter(step));
    m_stepBeginNs = report.span.endNs;
    if (m_clock.kind() == comm::ClockKind::kWall)
      m_clock.excludeNs(m_clock.wallNowNs() - m_stepBeginNs);
    return {};
  }

  Result<void> writeCheckpointAfter(int32_t step) const {
    if (m_options.checkpointPath.empty()) return {};
    const int32_t done = step + 1;
    const bool last = m_stop || done == m_firstStep + m_options.steps;
    const bool due = m_options.checkpointEvery > 0 && done % m_options.checkpointEvery == 0;
    if (!last && !due) return {};
    std::vector<const model::ParameterStore*> replica;
    for (const RankOutcome& outcome : m_outcomes) {
      const comm::Position position = outcome.step.position;
      if (position.data != 0) continue;
      CARACAL_TRY(parameters, m_devices[static_cast<size_t>(position.rank)]->fetchParameters());
      replica.push_back(parameters);
    }
    return writeCheckpoint(m_options.checkpointPath, {done, m_options.seed}, replica);
  }

  Result<void> summarize(const comm::Position& position, TrainingDevice& device,
                         const StageExecutor& executor) {
    RankSummary& summary = m_summary.ranks[static_cast<size_t>(position.rank)];
    summary.position = position;
    summary.staticBytes = device.staticBytes();
    summary.workspaceBytes = device.workspaceBytes();
    summary.peakBytes = executor.peakBytes();
    summary.reservedBytes = executor.reservedBytes();
    summary.overshoot = device.overshoot();
    if (!m_options.returnsWeights) return {};
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
  comm::Monitor m_monitor;
  comm::Network m_network;
  comm::StepBarrier m_barrier;
  comm::RunClock m_clock;
  // Each rank writes its own entry; read and cleared by whoever runs endStep().
  std::vector<RankOutcome> m_outcomes;
  std::vector<TrainingDevice*> m_devices;
  CpuBackend m_cpu;
  // Written by endStep() alone, read by all ranks after the barrier.
  RunSummary m_summary;
  int32_t m_firstStep;
  int64_t m_stepBeginNs = 0;
  bool m_stop = false;
};

}  // namespace

Result<RunSummary> run(const Job& job, const RunOptions& options,
                       std::shared_ptr<const model::TextSource> text,
                       const StepObserver& observer) {
  return Run(job, options, std::move(text), observer).run();
}

}  // namespace caracal::executor
