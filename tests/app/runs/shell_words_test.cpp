#include "app/runs/shell_words.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "app/runs/program.h"

namespace caracal::runs {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(ShellWords, areSplitAsAShellSplitsThem) {
  EXPECT_THAT(*shellWords("torchrun  --nproc-per-node 8 train.py"),
              ElementsAre("torchrun", "--nproc-per-node", "8", "train.py"));
  EXPECT_THAT(*shellWords(R"(a 'b c' "d e"f g\ h '' "x\"y")"),
              ElementsAre("a", "b c", "d ef", "g h", "", "x\"y"));
  EXPECT_THAT(*shellWords("  "), ElementsAre());
}

TEST(ShellWords, whatOnlyAShellCanDoIsRefusedInWords) {
  for (const char* text : {"a | b", "a > b", "a; b", "echo $HOME", "echo \"$HOME\"", "a &"}) {
    const auto words = shellWords(text);
    ASSERT_FALSE(words) << text;
    EXPECT_THAT(words.error().message, HasSubstr("sh -c"));
  }
  EXPECT_THAT(shellWords("a 'b").error().message, HasSubstr("not closed"));
}

TEST(ShellText, isReadAsTheSameWordsByUsAndByTheShell) {
  const std::vector<std::string> words{"plain", "with space", "it's", "",      "a\"b",
                                       "$HOME", "a\\b",       "*",    "x;y|z", "--a=b,c:d/e"};
  EXPECT_EQ(*shellWords(shellText(words)), words);
  std::vector<std::string> read;
  const auto code = runProgram(
      {"/bin/sh",
       {"-c", "for w in " + shellText(words) + "; do printf '<%s>\\n' \"$w\"; done"},
       {},
       {}},
      [&](std::string_view line) { read.emplace_back(line.substr(1, line.size() - 2)); }, {});
  ASSERT_EQ(code.value_or(-1), 0);
  EXPECT_EQ(read, words);
}

}  // namespace
}  // namespace caracal::runs
