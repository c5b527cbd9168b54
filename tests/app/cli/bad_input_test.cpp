// What goes wrong is said in words, with the exit code that scripts rely on; nothing ever crashes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zlib.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "tests/app/cli/run_caracal.h"

namespace caracal::cli {
namespace {

using test::Answer;
using test::runCaracal;
using test::TemporaryFolder;
using testing::AnyOf;
using testing::HasSubstr;

void expectFailure(const Answer& answer, int exitCode, const std::string& words) {
  EXPECT_EQ(answer.exitCode, exitCode) << answer.out << answer.err;
  EXPECT_THAT(answer.err, HasSubstr("caracal: "));
  EXPECT_THAT(answer.err, HasSubstr(words));
}

std::string gzip(const std::string& text) {
  std::string packed(text.size() + 1024, '\0');
  z_stream stream{};
  constexpr int kGzipWindow = 15 + 16;
  EXPECT_EQ(deflateInit2(&stream, 9, Z_DEFLATED, kGzipWindow, 8, Z_DEFAULT_STRATEGY), Z_OK);
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_out = static_cast<uInt>(packed.size());
  EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  packed.resize(stream.total_out);
  deflateEnd(&stream);
  return packed;
}

TEST(BadInput, aMissingFileIsNamed) {
  expectFailure(runCaracal({"info", "/nowhere/trace.json"}), 1, "/nowhere/trace.json");
}

TEST(BadInput, whatIsNoTraceIsRefused) {
  const TemporaryFolder folder;
  for (const char* content : {"", "hello",
                              "\x7f"
                              "ELF",
                              "{}", "[]", "{\"a\": 1}"}) {
    const Answer answer = runCaracal({"info", folder.write("file.json", content)});
    EXPECT_THAT(answer.exitCode, AnyOf(1, 4)) << "content: " << content << "\n" << answer.out;
    EXPECT_THAT(answer.err, HasSubstr("file.json")) << content;
  }
}

TEST(BadInput, aTruncatedTraceIsRefusedOrItsCutIsCounted) {
  const TemporaryFolder folder;
  const std::string whole = test::smallKinetoTrace(0);
  const Answer answer = runCaracal(
      {"info", folder.write("cut.json", whole.substr(0, whole.size() * 2 / 3)), "--json"});
  if (answer.exitCode == 0) {
    EXPECT_GE(nlohmann::json::parse(answer.out)["quality"]["truncatedInput"], 1);
  } else {
    expectFailure(answer, 1, "cut.json");
  }
}

TEST(BadInput, aGzipCutInTheMiddleIsRefusedOrItsCutIsCounted) {
  const TemporaryFolder folder;
  const std::string packed = gzip(test::smallKinetoTrace(0));
  const Answer answer = runCaracal(
      {"info", folder.write("cut.json.gz", packed.substr(0, packed.size() / 2)), "--json"});
  if (answer.exitCode == 0) {
    EXPECT_GE(nlohmann::json::parse(answer.out)["quality"]["truncatedInput"], 1);
  } else {
    expectFailure(answer, 1, "cut.json.gz");
  }
}

TEST(BadInput, aFolderWithMixedFormatsLoadsWhatItCanAndNamesTheRest) {
  const TemporaryFolder folder;
  folder.write("rank0.json", test::smallKinetoTrace(0));
  folder.write("broken.json", "{\"traceEvents\": 5}");
  folder.write("notes.txt", "not a trace");
  const Answer answer = runCaracal({"info", folder.path("")});
  EXPECT_EQ(answer.exitCode, 0) << answer.err;
  EXPECT_THAT(answer.out, HasSubstr("kineto"));
  EXPECT_THAT(answer.err, HasSubstr("broken.json"));
}

TEST(BadInput, aTableOfNamesThatIsNoTableIsRefused) {
  const TemporaryFolder folder;
  const std::string trace = folder.write("rank0.json", test::smallKinetoTrace(0));
  expectFailure(
      runCaracal({"analyze", trace, "--comm-kernels", folder.write("names.json", "[1, 2]")}), 1,
      "names.json");
}

TEST(BadInput, stepsOfATraceWithoutPipelineCannotBeGated) {
  const TemporaryFolder folder;
  const std::string trace = folder.write("rank0.json", test::smallKinetoTrace(0));
  expectFailure(runCaracal({"compare", trace, trace, "--max-slower", "5"}), 4, "rank0.json");
}

}  // namespace
}  // namespace caracal::cli
