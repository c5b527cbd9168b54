#include "runtime/model/text.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>

namespace caracal::model {
namespace {

class TemporaryFile {
 public:
  explicit TemporaryFile(const std::string& content)
      : m_path(std::filesystem::temp_directory_path() /
               ("caracal_text_" + std::to_string(::getpid()))) {
    std::ofstream(m_path) << content;
  }
  ~TemporaryFile() { std::filesystem::remove(m_path); }
  std::string path() const { return m_path.string(); }

 private:
  std::filesystem::path m_path;
};

TEST(TextSource, builtInIsAdditionsInWords) {
  const TextSource source = TextSource::builtIn();
  const TokenBatch batch = source.batch({1, 0, 0, 1, 200});
  const std::string text(batch.inputs.begin(), batch.inputs.end());
  EXPECT_NE(text.find(" plus "), std::string::npos) << text;
}

TEST(TextSource, targetsAreTheInputsOneLater) {
  const TokenBatch batch = TextSource::builtIn().batch({1, 2, 3, 4, 16});
  ASSERT_EQ(batch.inputs.size(), 64U);
  ASSERT_EQ(batch.targets.size(), 64U);
  for (size_t i = 0; i + 1 < 16; ++i) EXPECT_EQ(batch.targets[i], batch.inputs[i + 1]);
}

TEST(TextSource, batchesAreRepeatableAndDifferByStepAndSample) {
  const TextSource source = TextSource::builtIn();
  const auto inputs = [&](uint64_t seed, uint32_t step, uint32_t sample) {
    return source.batch({seed, step, sample, 2, 32}).inputs;
  };
  EXPECT_EQ(inputs(1, 0, 0), inputs(1, 0, 0));
  EXPECT_NE(inputs(1, 0, 0), inputs(1, 1, 0));
  EXPECT_NE(inputs(1, 0, 0), inputs(1, 0, 1));
  EXPECT_NE(inputs(1, 0, 0), inputs(2, 0, 0));
}

TEST(TextSource, readsAFileToItsLastByte) {
  const TemporaryFile file("abcde");
  const auto source = TextSource::open(file.path(), 4);
  ASSERT_TRUE(source) << source.error().text();
  const TokenBatch batch = source->batch({1, 0, 0, 1, 4});
  EXPECT_EQ(std::string(batch.inputs.begin(), batch.inputs.end()), "abcd");
  EXPECT_EQ(std::string(batch.targets.begin(), batch.targets.end()), "bcde");
}

TEST(TextSource, refusesAFileThatIsTooShortOrMissing) {
  const TemporaryFile file("abcd");
  const auto tooShort = TextSource::open(file.path(), 4);
  ASSERT_FALSE(tooShort);
  EXPECT_NE(tooShort.error().message.find("needs at least 5"), std::string::npos)
      << tooShort.error().message;
  const auto missing = TextSource::open("/nonexistent/text", 4);
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, ErrorCode::kNotFound);
}

}  // namespace
}  // namespace caracal::model
