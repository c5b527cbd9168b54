// Who a process is under each launcher; the variables are those of real runs, shortened.
#include "runtime/comm/launcher.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

namespace caracal::comm {
namespace {

using testing::HasSubstr;
using Variables = std::map<std::string, std::string>;

Result<LaunchedRank> rankWith(const Variables& variables) {
  return launchedRank([&](const char* name) -> std::optional<std::string> {
    const auto found = variables.find(name);
    if (found == variables.end()) return std::nullopt;
    return found->second;
  });
}

const Variables kTorchrun{{"RANK", "5"},           {"WORLD_SIZE", "8"},
                          {"LOCAL_RANK", "1"},     {"LOCAL_WORLD_SIZE", "4"},
                          {"MASTER_ADDR", "gpu1"}, {"MASTER_PORT", "29500"}};
const Variables kOpenMpi{{"OMPI_COMM_WORLD_RANK", "3"},
                         {"OMPI_COMM_WORLD_SIZE", "4"},
                         {"OMPI_COMM_WORLD_LOCAL_RANK", "3"},
                         {"OMPI_COMM_WORLD_LOCAL_SIZE", "4"},
                         {"PMIX_NAMESPACE", "2155544577"}};
const Variables kSlurm{{"SLURM_PROCID", "6"},         {"SLURM_NTASKS", "8"},
                       {"SLURM_STEP_NUM_TASKS", "8"}, {"SLURM_STEP_TASKS_PER_NODE", "4(x2)"},
                       {"SLURM_LOCALID", "2"},        {"SLURM_STEP_NODELIST", "gpu[003-004]"},
                       {"SLURM_JOB_ID", "4711"}};

Variables changed(Variables variables, const std::string& name, const std::string& value) {
  variables[name] = value;
  return variables;
}

Variables without(Variables variables, const std::string& name) {
  variables.erase(name);
  return variables;
}

TEST(Launcher, aProcessWithoutOneIsAlone) {
  const auto rank = rankWith({});
  ASSERT_TRUE(rank);
  EXPECT_EQ(rank->source, Launcher::kNone);
  EXPECT_EQ(rank->world, 1);
}

TEST(Launcher, torchrunSaysEverything) {
  const auto rank = rankWith(kTorchrun);
  ASSERT_TRUE(rank) << rank.error().text();
  EXPECT_EQ(rank->text(), "rank 5 of 8 (local rank 1) by torchrun, rank 0 at gpu1:29500");
}

TEST(Launcher, ranksMeetBesideTheStoreThatTorchrunsAgentHolds) {
  const auto rank = rankWith(changed(kTorchrun, "TORCHELASTIC_USE_AGENT_STORE", "True"));
  ASSERT_TRUE(rank) << rank.error().text();
  EXPECT_EQ(rank->port, 29501);
}

TEST(Launcher, openMpiOnOneMachineNeedsNoAddress) {
  const auto rank = rankWith(kOpenMpi);
  ASSERT_TRUE(rank) << rank.error().text();
  EXPECT_EQ(rank->rank, 3);
  EXPECT_EQ(rank->address, "localhost");
  EXPECT_GT(rank->port, 1024);
}

TEST(Launcher, ranksOfAJobAgreeOnThePortAndOtherJobsOnAnother) {
  const auto one = rankWith(kOpenMpi);
  const auto same = rankWith(changed(kOpenMpi, "OMPI_COMM_WORLD_RANK", "1"));
  const auto other = rankWith(changed(kOpenMpi, "PMIX_NAMESPACE", "2155544578"));
  EXPECT_EQ(one->port, same->port);
  EXPECT_NE(one->port, other->port);
}

TEST(Launcher, severalMachinesWithoutAnAddressAreAnErrorThatNamesTheVariable) {
  const auto rank = rankWith(changed(kOpenMpi, "OMPI_COMM_WORLD_SIZE", "8"));
  ASSERT_FALSE(rank);
  EXPECT_THAT(rank.error().message, HasSubstr("MASTER_ADDR"));
}

TEST(Launcher, slurmNamesItsFirstMachine) {
  const auto rank = rankWith(kSlurm);
  ASSERT_TRUE(rank) << rank.error().text();
  EXPECT_EQ(rank->rank, 6);
  EXPECT_EQ(rank->localRank, 2);
  EXPECT_EQ(rank->address, "gpu003");
}

TEST(Launcher, aBatchScriptOfSlurmThatIsNoStepIsAlone) {
  const auto rank = rankWith({{"SLURM_PROCID", "0"}, {"SLURM_NTASKS", "8"}});
  ASSERT_TRUE(rank) << rank.error().text();
  EXPECT_EQ(rank->source, Launcher::kNone);
}

// mpirun starts one daemon a machine by srun, and ranks inherit its variables.
TEST(Launcher, mpirunInsideSlurmIsBelievedBeforeSlurm) {
  Variables both = kSlurm;
  both["SLURM_PROCID"] = "0";
  both.insert(kOpenMpi.begin(), kOpenMpi.end());
  const auto rank = rankWith(both);
  ASSERT_TRUE(rank) << rank.error().text();
  EXPECT_EQ(rank->source, Launcher::kOpenMpi);
  EXPECT_EQ(rank->rank, 3);
}

TEST(Launcher, srunWithPmiIsStillSlurm) {
  Variables both = kSlurm;
  both["PMI_RANK"] = "6";
  both["PMI_SIZE"] = "8";
  const auto rank = rankWith(both);
  ASSERT_TRUE(rank) << rank.error().text();
  EXPECT_EQ(rank->source, Launcher::kSlurm);
}

TEST(Launcher, missingAndWrongNumbersAreErrorsWithTheirName) {
  for (const auto& [variables, name] :
       {std::pair{without(kTorchrun, "WORLD_SIZE"), "WORLD_SIZE"},
        std::pair{without(kTorchrun, "RANK"), "RANK"},
        std::pair{changed(kTorchrun, "RANK", "8"), "RANK"},
        std::pair{changed(kTorchrun, "RANK", "-1"), "RANK"},
        std::pair{changed(kTorchrun, "WORLD_SIZE", "8x"), "WORLD_SIZE"},
        std::pair{changed(kTorchrun, "MASTER_PORT", "70000"), "MASTER_PORT"},
        std::pair{without(kOpenMpi, "OMPI_COMM_WORLD_LOCAL_RANK"), "OMPI_COMM_WORLD_LOCAL_RANK"},
        std::pair{without(kSlurm, "SLURM_PROCID"), "SLURM_PROCID"}}) {
    const auto rank = rankWith(variables);
    ASSERT_FALSE(rank) << name;
    EXPECT_EQ(rank.error().code, ErrorCode::kInvalidInput);
    EXPECT_THAT(rank.error().message, HasSubstr(name));
  }
}

TEST(Launcher, readsTheFirstOfAListOfHosts) {
  EXPECT_EQ(firstHost("gpu[003-005,7],login"), "gpu003");
  EXPECT_EQ(firstHost("login,gpu[1-2]"), "login");
  EXPECT_EQ(firstHost("r[1-2]n[10,12]-ib"), "r1n10-ib");
  EXPECT_EQ(firstHost("alone"), "alone");
  EXPECT_EQ(firstHost("broken[1"), "broken");
}

}  // namespace
}  // namespace caracal::comm
