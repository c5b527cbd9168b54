#include "runtime/command/command.h"

#include <algorithm>
#include <atomic>
#include <csignal>
#include <memory>
#include <optional>
#include <thread>

#include "core/base/files.h"
#include "core/base/format.h"
#include "core/plan/plan_json.h"
#include "core/profile/profile_json.h"
#include "runtime/command/command_line.h"
#include "runtime/command/progress.h"
#include "runtime/executor/meta.h"

namespace caracal::command {
namespace {

constexpr int kOk = 0;
constexpr int kFailed = 1;
constexpr const char* kDefaultModel = "demo-gpt";

// Set by SIGINT and SIGTERM, looked at between steps.
std::atomic<bool> g_interrupted{false};
static_assert(std::atomic<bool>::is_always_lock_free,
              "a signal handler may only touch lock-free atomics");

void interrupt(int) {
  g_interrupted = true;
}

void watchSignals() {
  struct sigaction action {};
  action.sa_handler = interrupt;
  // A second Ctrl-C ends the process at once; what was committed to the recording stays readable.
  action.sa_flags = static_cast<int>(SA_RESETHAND) | SA_RESTART;
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
  // A reader of stdout that went away is reported by the write.
  std::signal(SIGPIPE, SIG_IGN);
}

Result<void> checkProfile(const plan::Plan& plan, const std::string& profilePath) {
  if (profilePath.empty()) return {};
  CARACAL_TRY(profile, profile::loadProfile(profilePath));
  const std::string hash = profile::hashOf(profile);
  if (hash == plan.profileHash) return {};
  return fail(ErrorCode::kInvalidInput,
              "the plan was made for profile {}, but {} is profile {}; plan for it again",
              plan.profileHash, profilePath, hash);
}

Result<executor::Job> loadPlannedJob(const CommandLine& line) {
  const auto located = [&](const Error& error) { return tl::unexpected(at(error, line.planPath)); };
  CARACAL_TRY(text, readTextFile(line.planPath));
  const auto document = plan::planDocumentFromJson(text);
  if (!document) return located(document.error());
  if (auto checked = checkProfile(document->plan, line.profilePath); !checked)
    return located(checked.error());
  auto job = executor::jobFromPlan(*document);
  if (!job) return located(job.error());
  return job;
}

Result<executor::Job> loadModelJob(const CommandLine& line) {
  const std::string name = line.modelName.empty() ? kDefaultModel : line.modelName;
  CARACAL_TRY(model, profile::loadModel(name));
  profile::ParallelShape& parallel = model.parallel;
  parallel.tensor = line.tensor.value_or(parallel.tensor);
  parallel.pipeline = line.pipeline.value_or(parallel.pipeline);
  parallel.data = line.data.value_or(parallel.data);
  parallel.microBatches = line.microBatches.value_or(parallel.microBatches);
  auto job = executor::jobFromModel(model, line.schedule);
  if (!job) return tl::unexpected(at(job.error(), name));
  return job;
}

Result<std::optional<executor::Checkpoint>> loadCheckpoint(const CommandLine& line) {
  if (line.resumePath.empty()) return std::nullopt;
  CARACAL_TRY(checkpoint, executor::Checkpoint::open(line.resumePath));
  const uint64_t seed = checkpoint.progressed().seed;
  if (line.seed.value_or(seed) == seed) return checkpoint;
  return fail(ErrorCode::kInvalidInput,
              "{} was trained with seed {}, not {}; leave out --seed to go on with it",
              line.resumePath, seed, *line.seed);
}

int32_t coresOfThisMachine() {
  return static_cast<int32_t>(std::max(1U, std::thread::hardware_concurrency()));
}

executor::RunOptions optionsOf(const CommandLine& line, int32_t ranks,
                               const std::optional<executor::Checkpoint>& checkpoint) {
  executor::RunOptions options;
  options.steps = line.steps;
  options.links = line.links;
  options.seed = line.seed.value_or(checkpoint ? checkpoint->progressed().seed : 1);
  options.resumeFrom = checkpoint ? &*checkpoint : nullptr;
  options.checkpointPath = line.checkpointPath;
  options.checkpointEvery = line.checkpointEvery;
  options.optimizer.learningRate = line.learningRate;
  options.clock = line.clock.value_or(ranks <= coresOfThisMachine() ? comm::ClockKind::kWall
                                                                    : comm::ClockKind::kVirtual);
  return options;
}

Result<model::TextSource> loadText(const CommandLine& line, const executor::Job& job) {
  if (line.textPath.empty()) return model::TextSource::builtIn();
  return model::TextSource::open(line.textPath, job.model.shape.sequence);
}

Result<void> warnOfSharedCores(const executor::RunOptions& options, int32_t ranks) {
  const int32_t cores = coresOfThisMachine();
  if (options.clock != comm::ClockKind::kWall || ranks <= cores) return {};
  return announceWarning(fmt::format(
      "{} ranks share {} cores, so wall times include waiting for a core; --clock virtual does not",
      ranks, cores));
}

Result<void> train(const CommandLine& line) {
  auto job = line.planPath.empty() ? loadModelJob(line) : loadPlannedJob(line);
  if (!job) return tl::unexpected(job.error());
  CARACAL_CHECK_OK(executor::checkBudgets(*job));
  CARACAL_CHECK_OK(executor::checkMemory(*job));
  CARACAL_TRY(checkpoint, loadCheckpoint(line));
  const executor::RunOptions options = optionsOf(line, job->model.parallel.ranks(), checkpoint);
  CARACAL_TRY(text, loadText(line, *job));
  const auto meta = executor::metaOf(*job, options, text.name());

  std::optional<recording::RecordingWriter> writer;
  if (!line.recordPath.empty()) {
    CARACAL_TRY(created, recording::RecordingWriter::create(
                             line.recordPath, meta, executor::rankRowsOf(job->model.parallel)));
    writer.emplace(std::move(created));
  }
  CARACAL_CHECK_OK(announceStart(*job, options, meta, line.recordPath));
  CARACAL_CHECK_OK(warnOfSharedCores(options, job->model.parallel.ranks()));

  const auto observe = [&](const executor::StepReport& step,
                           const recording::StepRecords& records) -> Result<executor::Continue> {
    if (writer) CARACAL_CHECK_OK(writer->append(records));
    CARACAL_CHECK_OK(announceStep(step, records));
    return g_interrupted ? executor::Continue::kNo : executor::Continue::kYes;
  };
  CARACAL_TRY(
      summary,
      executor::run(*job, options, std::make_shared<model::TextSource>(std::move(text)), observe));
  const bool early = static_cast<int32_t>(summary.steps.size()) < options.steps;
  if (writer) {
    CARACAL_CHECK_OK(writer->setMeta("ended", early ? "signal" : "allSteps"));
    CARACAL_CHECK_OK(writer->close());
  }
  return announceEnd(options, summary, early ? Stopped::kSignal : Stopped::kAllSteps);
}

}  // namespace

int caracalRun(int argc, const char* const* argv) {
  const ParsedCommandLine parsed = parseCommandLine(argc, argv);
  if (parsed.exitCode) return *parsed.exitCode;
  watchSignals();
  const auto done = train(parsed.line);
  if (done) return kOk;
  announceError(done.error());
  return kFailed;
}

}  // namespace caracal::command
