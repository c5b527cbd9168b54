#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "app/cli/cli.h"
#include "app/cli/verb.h"
#include "tests/app/cli/run_caracal.h"

namespace caracal::cli {
namespace {

using test::Answer;
using test::runCaracal;
using testing::HasSubstr;

TEST(CommandLine, withoutVerbIsAUsageError) {
  const Answer answer = runCaracal({});
  EXPECT_EQ(answer.exitCode, 2);
  EXPECT_EQ(answer.out, "");
  EXPECT_THAT(answer.err, HasSubstr("--help"));
}

TEST(CommandLine, unknownVerbAndOptionAreUsageErrors) {
  const Answer unknown = runCaracal({"frobnicate"});
  EXPECT_EQ(unknown.exitCode, 2);
  EXPECT_THAT(unknown.err, HasSubstr("no verb `frobnicate`"));
  EXPECT_EQ(runCaracal({"doctor", "--frobnicate"}).exitCode, 2);
  EXPECT_EQ(runCaracal({"info"}).exitCode, 2) << "a path is required";
  EXPECT_EQ(runCaracal({"render", "a.json", "-o", "a.png", "--size", "large"}).exitCode, 2);
  EXPECT_EQ(runCaracal({"render", "a.json", "-o", "a.png", "--theme", "pink"}).exitCode, 2);
  EXPECT_EQ(runCaracal({"export", "--target", "nosuch", "--plan", "p", "--profile", "q", "-o", "d"})
                .exitCode,
            2);
  EXPECT_EQ(runCaracal({"profile", "--model", "gpt-7b", "--layers", "4,x"}).exitCode, 2);
}

TEST(CommandLine, helpNamesEveryVerbAndTheExitCodes) {
  const Answer answer = runCaracal({"--help"});
  EXPECT_EQ(answer.exitCode, 0);
  EXPECT_THAT(answer.out, HasSubstr("0 ok, 1 failed, 2 usage, 3 a gate failed, 4 cannot answer"));
  for (const Verb& verb : verbs()) {
    EXPECT_THAT(answer.out, HasSubstr(verb.name));
    EXPECT_THAT(answer.out, HasSubstr(verb.summary));
  }
}

TEST(CommandLine, everyVerbHasHelp) {
  for (const Verb& verb : verbs()) {
    const Answer answer = runCaracal({verb.name, "--help"});
    EXPECT_EQ(answer.exitCode, 0) << verb.name;
    EXPECT_THAT(answer.out, HasSubstr(verb.summary));
  }
}

TEST(CommandLine, versionIsPrinted) {
  EXPECT_EQ(runCaracal({"--version"}).out, "caracal " CARACAL_VERSION "\n");
}

TEST(CommandLine, errorsThatMeanNoAnswerExistHaveTheirOwnExitCode) {
  EXPECT_EQ(exitCodeOf(ErrorCode::kCannotAnswer), ExitCode::kCannotAnswer);
  EXPECT_EQ(exitCodeOf(ErrorCode::kUnsupported), ExitCode::kCannotAnswer);
  EXPECT_EQ(exitCodeOf(ErrorCode::kInfeasible), ExitCode::kCannotAnswer);
  EXPECT_EQ(exitCodeOf(ErrorCode::kInvalidInput), ExitCode::kFailed);
  EXPECT_EQ(exitCodeOf(ErrorCode::kNotFound), ExitCode::kFailed);
}

TEST(Doctor, saysWhetherCudaWasBuiltAndWhatIsMissing) {
  const auto document = test::runCaracalJson({"doctor"});
  EXPECT_EQ(document["schema"], "caracal.doctor/1");
  EXPECT_GE(document["cores"].get<int>(), 1);
  EXPECT_GT(document["memoryBytes"].get<int64_t>(), 0);
  EXPECT_FALSE(document["libraries"]["SQLite"].get<std::string>().empty());
  const auto& cuda = document["cuda"];
  // Either there are devices, or words that say why not.
  const bool hasDevices = cuda.contains("devices") && !cuda["devices"].empty();
  EXPECT_NE(hasDevices, !cuda["problem"].get<std::string>().empty()) << cuda;
}

}  // namespace
}  // namespace caracal::cli
