#include "core/base/resources.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "core/base/files.h"

namespace caracal {
namespace {

namespace fs = std::filesystem;

TEST(Resources, areFoundInTheSourceTree) {
  const auto path = findResource("schema/plan.schema.json");
  ASSERT_TRUE(path) << path.error().text();
  EXPECT_TRUE(fs::exists(*path));
  const auto names = listResources("hardware");
  EXPECT_NE(std::find(names.begin(), names.end(), "a100-40gb-nvlink"), names.end());
}

TEST(Resources, theEnvironmentComesFirst) {
  const fs::path folder =
      fs::path(testing::TempDir()) / fmt::format("caracal_resources_{}", ::getpid());
  fs::create_directories(folder / "hardware");
  ASSERT_TRUE(writeTextFile((folder / "hardware/mine.json").string(), "{}"));
  ::setenv("CARACAL_RESOURCES", folder.c_str(), 1);
  EXPECT_EQ(*findResource("hardware/mine.json"), (folder / "hardware/mine.json").string());
  EXPECT_TRUE(findResource("hardware/h200.json"))
      << "what it does not hold is still found elsewhere";
  ::unsetenv("CARACAL_RESOURCES");
  EXPECT_FALSE(findResource("hardware/mine.json"));
  fs::remove_all(folder);
}

TEST(Resources, aMissingOneSaysWhereItWasLookedFor) {
  const auto path = findResource("hardware/none.json");
  ASSERT_FALSE(path);
  EXPECT_EQ(path.error().code, ErrorCode::kNotFound);
  EXPECT_NE(path.error().message.find("share/caracal"), std::string::npos);
}

}  // namespace
}  // namespace caracal
