#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/app/cli/run_caracal.h"

namespace caracal::cli {
namespace {

using nlohmann::json;
using test::Answer;
using test::runCaracal;
using test::runCaracalJson;
using test::TemporaryFolder;
using testing::HasSubstr;

TEST(ProjectVerb, keepsItemsWithWhatTheyWereMadeFrom) {
  const TemporaryFolder folder;
  const std::string project = folder.path("tuning.caracal");
  const std::string trace = folder.write("rank0.json", test::smallKinetoTrace(0));
  ASSERT_EQ(runCaracal({"project", "create", project}).exitCode, 0);
  EXPECT_EQ(runCaracal({"project", "add", project, "run", trace, "--name", "first run"}).out,
            "1\n");
  EXPECT_EQ(
      runCaracal({"project", "add", project, "note", "try more micro-batches", "--parent", "1"})
          .out,
      "2\n");
  const json document = runCaracalJson({"project", "list", project});
  EXPECT_EQ(document.at("schema"), "caracal.project/1");
  ASSERT_EQ(document.at("items").size(), 2U);
  const json& run = document.at("items").at(0);
  EXPECT_EQ(run.at("kind"), "run");
  EXPECT_EQ(run.at("name"), "first run");
  EXPECT_EQ(run.at("path"), trace);
  EXPECT_EQ(document.at("items").at(1).at("parent"), 1);
}

TEST(ProjectVerb, neverReplacesAFile) {
  const TemporaryFolder folder;
  const std::string file = folder.write("notes.caracal", "dear diary");
  const Answer answer = runCaracal({"project", "create", file});
  EXPECT_EQ(answer.exitCode, 1);
  EXPECT_THAT(answer.err, HasSubstr("exists already"));
}

TEST(ProjectVerb, refusesWhatIsNoProjectOrNoDocument) {
  const TemporaryFolder folder;
  const std::string file = folder.write("notes.caracal", "dear diary");
  EXPECT_EQ(runCaracal({"project", "list", file}).exitCode, 1);
  EXPECT_EQ(runCaracal({"project", "list", folder.path("missing.caracal")}).exitCode, 1);
  const std::string project = folder.path("tuning.caracal");
  ASSERT_EQ(runCaracal({"project", "create", project}).exitCode, 0);
  EXPECT_EQ(runCaracal({"project", "add", project, "plan", file}).exitCode, 1);
  EXPECT_EQ(runCaracal({"project", "add", project, "run", folder.path("missing.sqlite")}).exitCode,
            1);
  EXPECT_EQ(runCaracal({"project", "add", project, "thing", file}).exitCode, 2);
  // A kind and what is in the file must agree.
  const std::string trace = folder.write("rank0.json", test::smallKinetoTrace(0));
  EXPECT_EQ(runCaracal({"project", "add", project, "profile", trace}).exitCode, 1);
  EXPECT_EQ(runCaracal({"project", "add", project, "run", file}).exitCode, 1);
  EXPECT_EQ(runCaracalJson({"project", "list", project}).at("items").size(), 0U);
  EXPECT_EQ(runCaracal({"project"}).exitCode, 2);
}

}  // namespace
}  // namespace caracal::cli
