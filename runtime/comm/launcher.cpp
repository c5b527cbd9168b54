#include "runtime/comm/launcher.h"

#include <array>
#include <charconv>
#include <cstdlib>

namespace caracal::comm {
namespace {

constexpr int32_t kFirstPort = 20'000;  // below the ports that systems hand out by themselves
constexpr uint32_t kPorts = 10'000;
constexpr int32_t kMostRanks = 1 << 20;

// The variables of one launcher; nullptr: it has none of that kind.
struct Variables {
  Launcher launcher;
  const char* rank;
  const char* world;
  const char* localRank;
  const char* localWorld;
  const char* address;
  const char* hosts;  // a list whose first entry is the address
  const char* jobId;
  const char* mark;  // the launcher is believed only where this is set
};

constexpr std::array<Variables, 4> kLaunchers{{
    {Launcher::kTorchrun, "RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "MASTER_ADDR",
     nullptr, "TORCHELASTIC_RUN_ID", "LOCAL_RANK"},
    {Launcher::kOpenMpi, "OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE",
     "OMPI_COMM_WORLD_LOCAL_RANK", "OMPI_COMM_WORLD_LOCAL_SIZE", "MASTER_ADDR", nullptr,
     "PMIX_NAMESPACE", "OMPI_COMM_WORLD_RANK"},
    // srun sets PMI_RANK too, with --mpi=pmi2; only Hydra knows the local rank.
    {Launcher::kMpich, "PMI_RANK", "PMI_SIZE", "MPI_LOCALRANKID", "MPI_LOCALNRANKS", "MASTER_ADDR",
     nullptr, "PMI_ID", "MPI_LOCALRANKID"},
    // Batch scripts have SLURM_PROCID too, but are no job step.
    {Launcher::kSlurm, "SLURM_PROCID", "SLURM_STEP_NUM_TASKS", "SLURM_LOCALID", nullptr,
     "MASTER_ADDR", "SLURM_STEP_NODELIST", "SLURM_JOB_ID", "SLURM_STEP_NUM_TASKS"},
}};

class Reader {
 public:
  Reader(const Environment& environment, const Variables& variables)
      : m_environment(environment), m_variables(variables) {}

  std::optional<std::string> text(const char* variable) const {
    if (variable == nullptr) return std::nullopt;
    auto value = m_environment(variable);
    return value && !value->empty() ? value : std::nullopt;
  }

  // A number from `least` to below `end`.
  Result<int32_t> number(const char* variable, int32_t least, int32_t end) const {
    const auto value = text(variable);
    const auto launcher = name(m_variables.launcher);
    if (!value) {
      return fail(ErrorCode::kInvalidInput,
                  "{} is set, so {} started this rank, but {} is not; unset the one or set both",
                  m_variables.mark, launcher, variable);
    }
    int32_t parsed = 0;
    const char* last = value->data() + value->size();
    const auto [stop, problem] = std::from_chars(value->data(), last, parsed);
    if (problem != std::errc{} || stop != last || parsed < least || parsed >= end) {
      return fail(ErrorCode::kInvalidInput, "{} of {} is \"{}\"; it must be a number from {} to {}",
                  variable, launcher, *value, least, end - 1);
    }
    return parsed;
  }

 private:
  const Environment& m_environment;
  const Variables& m_variables;
};

Result<bool> isOnOneMachine(const Reader& read, const Variables& variables,
                            const LaunchedRank& rank) {
  if (variables.localWorld != nullptr) {
    CARACAL_TRY(localWorld, read.number(variables.localWorld, rank.localRank + 1, rank.world + 1));
    return localWorld == rank.world;
  }
  // Slurm: "2(x3),1" are the tasks of each machine; one machine has no comma and no repeat.
  const auto perNode = read.text("SLURM_STEP_TASKS_PER_NODE");
  return perNode && perNode->find_first_of(",(") == std::string::npos;
}

// The same for all ranks of a job, and seldom that of another job on the machine (FNV-1a).
int32_t portOf(const std::string& jobId) {
  uint32_t hash = 2166136261U;
  for (const char c : jobId) hash = (hash ^ static_cast<uint8_t>(c)) * 16777619U;
  return kFirstPort + static_cast<int32_t>(hash % kPorts);
}

Result<std::string> addressOf(const Reader& read, const Variables& variables, bool oneMachine) {
  if (auto address = read.text(variables.address)) return *address;
  if (oneMachine) return std::string("localhost");
  if (const auto hosts = read.text(variables.hosts)) return firstHost(*hosts);
  return fail(ErrorCode::kInvalidInput,
              "{} started ranks on several machines and {} does not say where rank 0 is; set it "
              "to that machine's name on all of them (Open MPI: mpirun -x {})",
              name(variables.launcher), variables.address, variables.address);
}

Result<LaunchedRank> readRank(const Environment& environment, const Variables& variables) {
  const Reader read(environment, variables);
  LaunchedRank result;
  result.source = variables.launcher;
  CARACAL_TRY(world, read.number(variables.world, 1, kMostRanks));
  CARACAL_TRY(rank, read.number(variables.rank, 0, world));
  CARACAL_TRY(localRank, read.number(variables.localRank, 0, world));
  result.world = world;
  result.rank = rank;
  result.localRank = localRank;
  CARACAL_TRY(oneMachine, isOnOneMachine(read, variables, result));
  result.jobId = read.text(variables.jobId).value_or("");
  CARACAL_TRY(address, addressOf(read, variables, oneMachine));
  result.address = address;
  result.port = portOf(result.jobId);
  if (read.text("MASTER_PORT")) {
    CARACAL_TRY(port, read.number("MASTER_PORT", 1, 65'536));
    // torchrun's agent listens there itself, for its own store.
    result.port = read.text("TORCHELASTIC_USE_AGENT_STORE") == "True" ? port % 65'535 + 1 : port;
  }
  return result;
}

}  // namespace

std::string_view name(Launcher launcher) {
  switch (launcher) {
    case Launcher::kNone:
      return "no launcher";
    case Launcher::kTorchrun:
      return "torchrun";
    case Launcher::kOpenMpi:
      return "mpirun (Open MPI)";
    case Launcher::kMpich:
      return "mpirun (MPICH)";
    case Launcher::kSlurm:
      return "srun";
  }
  return "";
}

std::string LaunchedRank::text() const {
  if (source == Launcher::kNone) return "one process, no launcher";
  return fmt::format("rank {} of {} (local rank {}) by {}, rank 0 at {}:{}", rank, world, localRank,
                     name(source), address, port);
}

Environment processEnvironment() {
  return [](const char* variable) -> std::optional<std::string> {
    const char* value = std::getenv(variable);
    if (value == nullptr) return std::nullopt;
    return value;
  };
}

Result<LaunchedRank> launchedRank(const Environment& environment) {
  for (const Variables& variables : kLaunchers) {
    if (environment(variables.mark)) return readRank(environment, variables);
  }
  return LaunchedRank{};
}

std::string firstHost(const std::string& hostList) {
  std::string host;
  size_t i = 0;
  while (i < hostList.size() && hostList[i] != ',') {
    if (hostList[i] != '[') {
      host += hostList[i++];
      continue;
    }
    const size_t firstEnd = hostList.find_first_of(",-]", i);
    const size_t close = hostList.find(']', i);
    if (close == std::string::npos) return host;
    host += hostList.substr(i + 1, firstEnd - i - 1);
    i = close + 1;
  }
  return host;
}

}  // namespace caracal::comm
