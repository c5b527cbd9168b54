// caracal-run --backend cuda with a process and an emulated GPU for each rank, connected by a fake
// NCCL: the numbers of virtual ranks, and an end with words for every way in which a rank is lost.
#include <arpa/inet.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include "tests/runtime/run_process.h"

namespace caracal::test {
namespace {

using testing::HasSubstr;
using Arguments = std::vector<std::string>;

int freePort() {
  const int socket = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in name{};
  name.sin_family = AF_INET;
  socklen_t length = sizeof(name);
  bind(socket, reinterpret_cast<const sockaddr*>(&name), length);
  getsockname(socket, reinterpret_cast<sockaddr*>(&name), &length);
  close(socket);
  return ntohs(name.sin_port);
}

// The ranks of a job, each in a folder of its own.
class Ranks {
 public:
  // `variables`: of a rank, beside the fault.
  using Variables = Arguments (*)(int rank, int world, int port);
  Ranks(int world, Variables variables, const Arguments& arguments, const std::string& fault = "") {
    const int port = freePort();
    for (int rank = 0; rank < world; ++rank) {
      Arguments launcher = variables(rank, world, port);
      launcher.insert(launcher.begin(), {"env", "CARACAL_EMULATED_FAULT=" + fault});
      Arguments own = arguments;
      own.insert(own.begin(), {"--backend", "cuda"});
      m_folders.push_back(std::make_unique<Folder>());
      m_processes.push_back(std::make_unique<Process>(*m_folders.back(), own, launcher));
    }
  }
  Process& operator[](size_t rank) { return *m_processes[rank]; }

  // Exit codes.
  std::vector<int> wait() {
    std::vector<int> codes;
    for (const auto& process : m_processes) codes.push_back(process->wait());
    return codes;
  }
  // What all of them said on stderr.
  std::string words() const {
    std::string all;
    for (const auto& process : m_processes) all += process->err();
    return all;
  }

 private:
  std::vector<std::unique_ptr<Folder>> m_folders;
  std::vector<std::unique_ptr<Process>> m_processes;
};

Arguments torchrun(int rank, int world, int port) {
  return {fmt::format("RANK={}", rank),        fmt::format("WORLD_SIZE={}", world),
          fmt::format("LOCAL_RANK={}", rank),  fmt::format("LOCAL_WORLD_SIZE={}", world),
          fmt::format("MASTER_PORT={}", port), "MASTER_ADDR=localhost"};
}

Arguments srun(int rank, int world, int port) {
  return {fmt::format("SLURM_PROCID={}", rank), fmt::format("SLURM_STEP_NUM_TASKS={}", world),
          fmt::format("SLURM_STEP_TASKS_PER_NODE={}", world), fmt::format("SLURM_LOCALID={}", rank),
          fmt::format("MASTER_PORT={}", port)};
}

Arguments lossesOf(const Process& run) {
  Arguments losses;
  for (const Json& step : run.events("step")) losses.push_back(step["loss"].dump());
  return losses;
}

class CudaProcesses : public testing::Test {
 protected:
  Arguments arguments(const Arguments& more, const std::string& model = kModel) const {
    Arguments all{"--model", m_folder.write("m.json", model)};
    all.insert(all.end(), more.begin(), more.end());
    return all;
  }
  // Two stages of two ranks, for longer than any test.
  Arguments endless() const { return arguments({"--steps", "100000", "--link-timeout", "4"}); }

  void expectLossesOfVirtualRanks(const Arguments& arguments, const Ranks::Variables& variables) {
    Arguments alone = arguments;
    alone.insert(alone.begin(), {"--backend", "cuda"});
    Process threads(m_folder, alone);
    ASSERT_EQ(threads.wait(), 0) << threads.err();
    Ranks ranks(4, variables, arguments);
    EXPECT_THAT(ranks.wait(), testing::Each(0)) << ranks.words();
    EXPECT_EQ(lossesOf(ranks[0]), lossesOf(threads));
    EXPECT_EQ(ranks[0].events("start").at(0)["tag"], "measured");
    EXPECT_TRUE(lossesOf(ranks[1]).empty()) << "one rank speaks for all";
  }

  void expectEnd(Ranks& ranks, const std::vector<std::string>& words) {
    EXPECT_THAT(ranks.wait(), testing::Each(testing::Ne(0)));
    for (const std::string& word : words) EXPECT_THAT(ranks.words(), HasSubstr(word));
  }

  Folder m_folder;
};

TEST_F(CudaProcesses, trainAsVirtualRanksDo) {
  expectLossesOfVirtualRanks(arguments({"--steps", "2"}), torchrun);
}

TEST_F(CudaProcesses, replicasAndManyStagesTrainAsVirtualRanksDo) {
  expectLossesOfVirtualRanks(arguments({"--steps", "1", "--tp", "1", "--dp", "2"}), srun);
  expectLossesOfVirtualRanks(
      arguments({"--steps", "1", "--tp", "1", "--pp", "4", "--schedule", "zb-h1"}), srun);
  expectLossesOfVirtualRanks(
      arguments({"--steps", "1", "--tp", "2", "--pp", "2", "--schedule", "interleaved:2"}), srun);
}

TEST_F(CudaProcesses, reachTheNeighboursOfEveryChunk) {
  const auto of = [&](const std::string& schedule) {
    return arguments({"--steps", "1", "--tp", "1", "--pp", "4", "--schedule", schedule},
                     kDeepModel);
  };
  expectLossesOfVirtualRanks(of("interleaved:2"), srun);  // from the last position to the first
  expectLossesOfVirtualRanks(of("v-min"), srun);          // there and back
}

TEST_F(CudaProcesses, splitRowsAsVirtualRanksDo) {
  std::string model = kModel;
  model.insert(1, R"("sequenceParallel": true, )");
  expectLossesOfVirtualRanks(arguments({"--steps", "2"}, model), torchrun);
  expectLossesOfVirtualRanks(arguments({"--steps", "1", "--schedule", "zb-h1"}, model), torchrun);
}

TEST_F(CudaProcesses, ranksThatCannotPartitionTheGpuSaySoAndRun) {
  Process run(m_folder, arguments({"--backend", "cuda", "--steps", "1", "--gpu-partition"}));
  ASSERT_EQ(run.wait(), 0) << run.err();
  EXPECT_THAT(run.events("warning").at(0)["message"].get<std::string>(),
              HasSubstr("the ranks share all multiprocessors"));
}

TEST_F(CudaProcesses, aKilledRankIsNamed) {
  Ranks ranks(4, torchrun, endless());
  ranks[0].waitForEvent("step", 1);
  ranks[3].send(SIGKILL);
  expectEnd(ranks, {"rank 3 is gone"});
}

TEST_F(CudaProcesses, aCollectiveThatHangsIsNamed) {
  Ranks ranks(4, torchrun, endless(), "collective:1:9");
  expectEnd(ranks, {"of the tensor-parallel group of ranks 0, 1", "did nothing for 4 s"});
}

TEST_F(CudaProcesses, aKernelThatHangsIsNamedWithItsRankAndOperator) {
  Ranks ranks(4, torchrun, endless(), "kernel:2:200");
  expectEnd(ranks, {"rank 2", "of layer", "did nothing for 4 s"});
}

TEST_F(CudaProcesses, aKernelThatHangsEndsVirtualRanksToo) {
  auto arguments = endless();
  arguments.insert(arguments.begin(), {"--backend", "cuda"});
  Process run(m_folder, arguments, {"env", "CARACAL_EMULATED_FAULT=kernel:0:300"});
  EXPECT_NE(run.wait(), 0);
  EXPECT_THAT(run.err(), HasSubstr("the GPU, in "));
  EXPECT_THAT(run.err(), HasSubstr("did nothing for 4 s"));
}

#if defined(CARACAL_MPIRUN)
TEST_F(CudaProcesses, mpirunIntroducesRanksByMpi) {
  Process run(m_folder, arguments({"--backend", "cuda", "--steps", "1"}),
              {CARACAL_MPIRUN, "--allow-run-as-root", "--oversubscribe", "-n", "4"});
  ASSERT_EQ(run.wait(), 0) << run.err();
  EXPECT_EQ(run.events("end").at(0)["ranks"].size(), 4U);
  EXPECT_THAT(run.events("start").at(0)["launcher"].get<std::string>(),
              HasSubstr("rank 0 of 4 (local rank 0) by mpirun (Open MPI)"));
}
#endif

TEST_F(CudaProcesses, aMissingAddressIsNamed) {
  Ranks ranks(
      1,
      [](int, int, int) -> Arguments {
        return {"RANK=1", "WORLD_SIZE=4", "LOCAL_RANK=1", "LOCAL_WORLD_SIZE=2"};
      },
      endless());
  expectEnd(ranks, {"MASTER_ADDR", "torchrun"});
}

TEST_F(CudaProcesses, aRankZeroThatIsNotThereIsSaid) {
  Ranks ranks(
      1, [](int, int, int port) { return torchrun(1, 4, port); },
      arguments({"--link-timeout", "1"}));
  expectEnd(ranks, {"rank 1 does not reach rank 0: nobody answers at localhost:"});
}

}  // namespace
}  // namespace caracal::test
