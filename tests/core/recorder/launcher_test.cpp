#include "core/recorder/launcher.h"

#include <gtest/gtest.h>

#include <map>

namespace caracal::recorder {
namespace {

Launch launchWith(const std::map<std::string, std::string>& variables) {
  return launchOf([&](const char* name) -> const char* {
    const auto found = variables.find(name);
    return found == variables.end() ? nullptr : found->second.c_str();
  });
}

TEST(Launcher, eachLauncherHasItsNames) {
  EXPECT_EQ(launchWith({{"RANK", "5"}, {"WORLD_SIZE", "16"}, {"LOCAL_RANK", "1"}}),
            (Launch{"torchrun", 5, 16, 1}));
  EXPECT_EQ(launchWith({{"SLURM_PROCID", "3"}, {"SLURM_NTASKS", "4"}, {"SLURM_LOCALID", "0"}}),
            (Launch{"Slurm", 3, 4, 0}));
  EXPECT_EQ(launchWith({{"OMPI_COMM_WORLD_RANK", "2"}, {"OMPI_COMM_WORLD_SIZE", "8"}}),
            (Launch{"Open MPI", 2, 8, -1}));
  EXPECT_EQ(launchWith({{"PMI_RANK", "1"}, {"PMI_SIZE", "2"}}), (Launch{"PMI", 1, 2, -1}));
  EXPECT_EQ(launchWith({{"PMIX_RANK", "7"}}), (Launch{"PMIx", 7, -1, -1}));
  EXPECT_EQ(launchWith({}), Launch{});
}

TEST(Launcher, numbersOfTwoLaunchersAreNotMixed) {
  EXPECT_EQ(launchWith({{"RANK", "5"}, {"SLURM_PROCID", "0"}, {"SLURM_NTASKS", "2"}}),
            (Launch{"torchrun", 5, -1, -1}));
}

TEST(Launcher, whatIsNoNumberIsNoRank) {
  EXPECT_EQ(launchWith({{"RANK", "first"}, {"SLURM_PROCID", "0"}, {"SLURM_NTASKS", "2"}}),
            (Launch{"Slurm", 0, 2, -1}));
  EXPECT_EQ(launchWith({{"RANK", ""}, {"PMI_RANK", "-1"}}), Launch{});
}

}  // namespace
}  // namespace caracal::recorder
