#include "core/base/files.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "core/base/hash.h"

namespace caracal {
namespace {

namespace fs = std::filesystem;

class Files : public testing::Test {
 protected:
  void SetUp() override {
    m_folder = fs::path(testing::TempDir()) / fmt::format("caracal_files_{}", ::getpid());
    fs::create_directories(m_folder);
  }
  void TearDown() override { fs::remove_all(m_folder); }
  std::string path(const std::string& name) const { return (m_folder / name).string(); }

  fs::path m_folder;
};

TEST_F(Files, contentSurvivesByteForByte) {
  const std::string content("line\n\0\xff end", 11);
  ASSERT_TRUE(writeTextFile(path("a"), content));
  EXPECT_EQ(*readTextFile(path("a")), content);
  ASSERT_TRUE(writeTextFile(path("a"), ""));
  EXPECT_EQ(*readTextFile(path("a")), "");
}

TEST_F(Files, writingLeavesNoTemporaryAndKeepsTheUsersMask) {
  const mode_t before = ::umask(027);
  ASSERT_TRUE(writeTextFile(path("a"), "x"));
  ::umask(before);
  EXPECT_EQ(fs::status(path("a")).permissions(), fs::perms{0640});
  EXPECT_EQ(std::distance(fs::directory_iterator(m_folder), fs::directory_iterator()), 1);
}

TEST_F(Files, whatCannotBeReadOrWrittenIsNamed) {
  EXPECT_EQ(readTextFile(path("none")).error().code, ErrorCode::kNotFound);
  EXPECT_EQ(readTextFile(path("none")).error().where, path("none"));
  EXPECT_EQ(readTextFile(m_folder.string()).error().message, "is a folder, not a file");
  const auto status = writeTextFile(path("no/such/folder"), "x");
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, ErrorCode::kIo);
  EXPECT_EQ(status.error().message, "cannot write it: No such file or directory; check the path");
}

TEST_F(Files, aFailedWriteKeepsTheOldContent) {
  fs::create_directories(path("target/inside"));  // a folder that is not empty cannot be replaced
  EXPECT_FALSE(writeTextFile(path("target"), "new"));
  EXPECT_TRUE(fs::exists(path("target/inside")));
  EXPECT_EQ(std::distance(fs::directory_iterator(m_folder), fs::directory_iterator()), 1);
}

// The published test vectors of FNV-1a, 64 bit.
TEST(Hash64, isFnv1a) {
  EXPECT_EQ(hash64(""), "cbf29ce484222325");
  EXPECT_EQ(hash64("a"), "af63dc4c8601ec8c");
  EXPECT_EQ(hash64("foobar"), "85944171f73967e8");
}

TEST_F(Files, ofAFolderAreNamedWhateverTheyAre) {
  fs::create_directories(m_folder / "inside");
  ASSERT_TRUE(writeTextFile(path(".hidden"), "a"));
  ASSERT_TRUE(writeTextFile(path("plain"), "b"));
  auto names = namesInFolder(m_folder.string());
  ASSERT_TRUE(names) << names.error().text();
  std::sort(names->begin(), names->end());
  EXPECT_EQ(*names, (std::vector<std::string>{".hidden", "inside", "plain"}));
  EXPECT_EQ(namesInFolder(path("absent")).error().code, ErrorCode::kIo);
}

}  // namespace
}  // namespace caracal
