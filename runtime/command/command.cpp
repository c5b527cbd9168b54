#include "runtime/command/command.h"

#include <algorithm>
#include <cmath>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <optional>
#include <thread>

#include "core/base/files.h"
#include "core/base/format.h"
#include "core/base/hash.h"
#include "core/device/devices.h"
#include "core/plan/plan_json.h"
#include "core/profile/profile_json.h"
#include "runtime/comm/launcher.h"
#include "runtime/command/command_line.h"
#include "runtime/command/progress.h"
#include "runtime/command/signal_watch.h"
#include "runtime/cuda/backend_entry.h"
#include "runtime/executor/link_check.h"
#include "runtime/executor/meta.h"

namespace caracal::command {
namespace {

constexpr int kOk = 0;
constexpr int kFailed = 1;
constexpr const char* kDefaultModel = "demo-gpt";

constexpr int kSignalled = 128;  // and the number of the signal, as shells report it

Result<void> checkProfile(const plan::Plan& plan, const std::string& profilePath) {
  if (profilePath.empty()) return {};
  CARACAL_TRY(profile, profile::loadProfile(profilePath));
  const std::string hash = profile::hashOf(profile);
  if (hash == plan.profileHash) return {};
  return fail(ErrorCode::kInvalidInput,
              "the plan was made for profile {}, but {} is profile {}; plan for it again",
              plan.profileHash, profilePath, hash);
}

Result<executor::Job> loadPlannedJob(const CommandLine& line, const executor::BackendFacts& facts) {
  const auto located = [&](const Error& error) { return tl::unexpected(at(error, line.planPath)); };
  CARACAL_TRY(text, readTextFile(line.planPath));
  const auto document = plan::planDocumentFromJson(text);
  if (!document) return located(document.error());
  if (auto checked = checkProfile(document->plan, line.profilePath); !checked)
    return located(checked.error());
  auto job = executor::jobFromPlan(*document, facts, line.replicas);
  if (!job) return located(job.error());
  return job;
}

Result<executor::Job> loadModelJob(const CommandLine& line, const executor::BackendFacts& facts) {
  const std::string name = line.modelName.empty() ? kDefaultModel : line.modelName;
  CARACAL_TRY(model, profile::loadModel(name));
  profile::ParallelShape& parallel = model.parallel;
  parallel.tensor = line.tensor.value_or(parallel.tensor);
  parallel.pipeline = line.pipeline.value_or(parallel.pipeline);
  parallel.data = line.data.value_or(parallel.data);
  parallel.microBatches = line.microBatches.value_or(parallel.microBatches);
  auto job = executor::jobFromModel(model, line.schedule, facts, line.replicas);
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

// Of an emulated link: one block alone could not sum as fast as NVLink carries.
constexpr int32_t kUsualLinkCtas = 4;

// The CPU's is the one that runs have without being given any.
Result<cuda::LoadedBackend> loadBackend(const CommandLine& line,
                                        const comm::LaunchedRank& launched) {
  if (!line.cuda) return cuda::LoadedBackend{};
  CARACAL_TRY(function, device::cudaModuleFunction(cuda::kBackendEntry));
  cuda::CudaBackendOptions options;
  options.device = line.cudaDevice;
  options.partition = line.partition;
  options.separateProcesses = launched.world > 1;
  options.linkCtas =
      line.linkCtas == 0 && !options.separateProcesses ? kUsualLinkCtas : line.linkCtas;
  if (options.separateProcesses) options.device += launched.localRank;
  Result<cuda::LoadedBackend> made;
  reinterpret_cast<cuda::BackendEntry>(function)(options, made);
  return made;
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
  options.linkTimeout = std::chrono::duration_cast<std::chrono::nanoseconds>(
      std::chrono::duration<double>(line.linkTimeoutSeconds));
  const bool wall = line.cuda || ranks <= coresOfThisMachine();
  options.clock = line.clock.value_or(wall ? comm::ClockKind::kWall : comm::ClockKind::kVirtual);
  return options;
}

Result<model::TextSource> loadText(const CommandLine& line, const executor::Job& job) {
  if (line.textPath.empty()) return model::TextSource::builtIn();
  return model::TextSource::open(line.textPath, job.model.shape.sequence);
}

Result<void> warnOfSharedCores(const executor::RunOptions& options, int32_t ranks) {
  const int32_t cores = coresOfThisMachine();
  const bool coresCompute = options.backend == nullptr;
  if (!coresCompute || options.clock != comm::ClockKind::kWall || ranks <= cores) return {};
  return announceWarning(fmt::format(
      "{} ranks share {} cores, so wall times include waiting for a core; --clock virtual does not",
      ranks, cores));
}

Result<void> warnOfSlowLinks(const std::vector<executor::LinkFigures>& links) {
  for (const executor::LinkFigures& of : links) {
    if (std::abs(of.medianRatio - 1) <= executor::kMostLinkError) continue;
    CARACAL_CHECK_OK(announceWarning(fmt::format(
        "half of the {} transfers of the {} link took {:.1f} % or more of the time asked for; the "
        "machine is too busy or the link too fast for it to be emulated, so ask for a slower one",
        of.transfers, of.link, 100 * of.medianRatio)));
  }
  return {};
}

// The ranks that a launcher started as processes; none when they are to be threads.
Result<std::optional<comm::Processes>> joinLaunched(const comm::LaunchedRank& launched,
                                                    const std::map<std::string, std::string>& meta,
                                                    const executor::RunOptions& options) {
  if (launched.world == 1) return std::nullopt;
  const int32_t ranks = std::stoi(meta.at("ranks"));
  if (launched.world != ranks) {
    return fail(ErrorCode::kInvalidInput,
                "{} started {} processes, but the model has {} ranks; start as many, or one alone, "
                "whose threads are the ranks then",
                comm::name(launched.source), launched.world, ranks);
  }
  CARACAL_TRY(book, comm::phoneBookFor(launched, options.linkTimeout));
  if (book->rank != launched.rank) {
    return fail(ErrorCode::kUnsupported,
                "MPI calls this process rank {}, {} calls it rank {}; start ranks with the mpirun "
                "of the MPI that Caracal was built with",
                book->rank, comm::name(launched.source), launched.rank);
  }
  std::string agreed = fmt::format("{}", options.optimizer.learningRate);
  for (const auto& [key, value] : meta) {
    const bool ownAffair = key == "runId" || key == "hardware" || key == "memoryBytes";
    if (!ownAffair) agreed += key + value + "\n";
  }
  comm::Meeting meeting;
  meeting.run = hash64(agreed);
  meeting.reach = options.backend != nullptr ? comm::Reach::kNetwork : comm::Reach::kOneMachine;
  meeting.rankZero = launched.address;
  meeting.linkTimeout = options.linkTimeout;
  CARACAL_TRY(processes, comm::joinProcesses(*book, meeting));
  return std::move(processes);
}

Result<int> train(const CommandLine& line, const comm::LaunchedRank& launched,
                  const comm::StopRequest& stop, std::optional<comm::Processes>& processes) {
  CARACAL_TRY(loaded, loadBackend(line, launched));
  auto job =
      line.planPath.empty() ? loadModelJob(line, loaded.facts) : loadPlannedJob(line, loaded.facts);
  if (!job) return tl::unexpected(job.error());
  CARACAL_CHECK_OK(executor::checkBudgets(*job));
  CARACAL_CHECK_OK(executor::checkMemory(*job));
  CARACAL_TRY(checkpoint, loadCheckpoint(line));
  executor::RunOptions options = optionsOf(line, job->model.parallel.ranks(), checkpoint);
  options.backend = loaded.backend.get();
  CARACAL_TRY(text, loadText(line, *job));
  auto meta = executor::metaOf(*job, options, text.name());
  CARACAL_TRY(joined, joinLaunched(launched, meta, options));
  processes = std::move(joined);
  options.processes = processes ? &*processes : nullptr;
  options.stop = &stop;
  options.returnsWeights = false;
  const bool speaks = launched.rank == 0;  // for all ranks

  std::optional<recording::RecordingWriter> writer;
  if (speaks && !line.recordPath.empty()) {
    CARACAL_TRY(created, recording::RecordingWriter::create(
                             line.recordPath, meta, executor::rankRowsOf(job->model.parallel)));
    writer.emplace(std::move(created));
  }
  if (speaks) {
    CARACAL_CHECK_OK(announceStart(*job, options, meta, {line.recordPath, launched.text()}));
    CARACAL_CHECK_OK(warnOfSharedCores(options, job->model.parallel.ranks()));
  }
  executor::LinkCheck links;
  const auto observe = [&](const executor::StepReport& step,
                           const recording::StepRecords& records) -> Result<executor::Continue> {
    if (writer) CARACAL_CHECK_OK(writer->append(records));
    links.add(records);
    CARACAL_CHECK_OK(announceStep(step, records));
    return executor::Continue::kYes;
  };
  CARACAL_TRY(
      summary,
      executor::run(*job, options, std::make_shared<model::TextSource>(std::move(text)), observe));
  if (speaks && options.backend != nullptr) {
    for (const std::string& words : options.backend->warnings())
      CARACAL_CHECK_OK(announceWarning(words));
  }
  if (!speaks) return summary.signal == 0 ? kOk : kSignalled + summary.signal;
  CARACAL_CHECK_OK(warnOfSlowLinks(links.figures()));
  if (writer) {
    for (const auto& [key, value] : executor::metaOf(links.figures()))
      CARACAL_CHECK_OK(writer->setMeta(key, value));
    CARACAL_CHECK_OK(writer->setMeta("ended", summary.signal != 0 ? "signal" : "allSteps"));
    CARACAL_CHECK_OK(writer->close());
  }
  CARACAL_CHECK_OK(announceEnd(options, summary, links.figures()));
  return summary.signal == 0 ? kOk : kSignalled + summary.signal;
}

}  // namespace

int caracalRun(int argc, const char* const* argv) {
  const ParsedCommandLine parsed = parseCommandLine(argc, argv);
  if (parsed.exitCode) return *parsed.exitCode;
  if (parsed.line.asksAbilities) return announceAbilities() ? kOk : kFailed;
  // A reader of stdout that went away, and a limit on the size of files, are reported by the write.
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);
  const SignalWatch signals;
  const auto launched = comm::launchedRank(comm::processEnvironment());
  if (!launched) {
    announceError(launched.error());
    return kFailed;
  }
  std::optional<comm::Processes> processes;
  const auto exitCode = train(parsed.line, *launched, signals.request(), processes);
  if (exitCode) return *exitCode;
  // Why all failed is said once; alone, a rank speaks for itself.
  if (!processes || processes->wire->isLowest()) announceError(exitCode.error());
  const int signal = signals.request().signal;
  const int failed =
      signal != 0 && exitCode.error().code == ErrorCode::kCancelled ? kSignalled + signal : kFailed;
  // What a library does at the end of a process may wait for a GPU that hangs.
  if (parsed.line.cuda) {
    std::fflush(nullptr);
    std::_Exit(failed);
  }
  return failed;
}

}  // namespace caracal::command
