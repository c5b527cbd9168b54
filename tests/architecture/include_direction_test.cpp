// Includes go one way (docs: HACKING.md, "Folders"): app, profiler and runtime use core and never
// each other; core knows no Qt and no CUDA; inside core, folders go down the list of
// core/CMakeLists.txt only.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <optional>
#include <regex>
#include <sstream>
#include <string>
#include <vector>

#include "core/base/files.h"

namespace {

namespace fs = std::filesystem;

struct Include {
  std::string file;    // relative to the source root
  std::string target;  // as written between the quotes or brackets
};

std::vector<Include> includesBelow(const std::string& folder) {
  static const std::regex directive(R"(^[ \t]*#[ \t]*include[ \t]*[<"]([^>"]+)[>"])",
                                    std::regex::multiline);
  const fs::path root = CARACAL_SOURCE_DIR;
  std::vector<Include> includes;
  if (!fs::exists(root / folder)) return includes;
  for (const auto& entry : fs::recursive_directory_iterator(root / folder)) {
    const std::string extension = entry.path().extension();
    if (extension != ".h" && extension != ".cpp" && extension != ".cu" && extension != ".cuh")
      continue;
    const std::string text = caracal::readTextFile(entry.path().string()).value();
    for (std::sregex_iterator it(text.begin(), text.end(), directive), end; it != end; ++it) {
      includes.push_back({fs::relative(entry.path(), root).string(), (*it)[1]});
    }
  }
  return includes;
}

bool startsWithAny(const std::string& text, const std::vector<std::string>& prefixes) {
  return std::any_of(prefixes.begin(), prefixes.end(),
                     [&](const std::string& prefix) { return text.rfind(prefix, 0) == 0; });
}

// Every include below `folder` that starts with one of `forbidden`, as "file includes target".
std::vector<std::string> violations(const std::string& folder,
                                    const std::vector<std::string>& forbidden) {
  std::vector<std::string> found;
  for (const Include& include : includesBelow(folder)) {
    if (startsWithAny(include.target, forbidden))
      found.push_back(include.file + " includes " + include.target);
  }
  return found;
}

// Qt's headers are <QThing> or <QtModule/...>.
bool isQt(const std::string& target) {
  return target.size() > 1 && target[0] == 'Q' && target.find('.') == std::string::npos;
}

std::vector<std::string> qtViolations(const std::string& folder) {
  std::vector<std::string> found;
  for (const Include& include : includesBelow(folder)) {
    if (isQt(include.target)) found.push_back(include.file + " includes " + include.target);
  }
  return found;
}

// The folders of core from the bottom up, as core/CMakeLists.txt lists them.
std::vector<std::string> coreFolders() {
  const std::string text = caracal::readTextFile(CARACAL_SOURCE_DIR "/core/CMakeLists.txt").value();
  std::smatch match;
  std::vector<std::string> folders;
  if (!std::regex_search(text, match, std::regex(R"(foreach\(folder\s+([^)]*)\))"))) return folders;
  std::istringstream words(match[1].str());
  for (std::string word; words >> word;) folders.push_back(word);
  return folders;
}

// The longest folder of core that holds `path` ("core/import/nsys/x.h" -> "import/nsys").
std::optional<size_t> coreFolderOf(const std::vector<std::string>& folders,
                                   const std::string& path) {
  std::optional<size_t> best;
  for (size_t i = 0; i < folders.size(); ++i) {
    const bool inside = path.rfind("core/" + folders[i] + "/", 0) == 0;
    if (inside && (!best || folders[i].size() > folders[*best].size())) best = i;
  }
  return best;
}

// The interface that every importer implements lives above them, in the folder of the registry.
bool isImporterInterface(const Include& include) {
  return include.file.rfind("core/import/", 0) == 0 && include.target == "core/import/importer.h";
}

const std::vector<std::string> kCudaHeaders{"cuda", "cupti", "nccl", "nvtx", "cublas", "cudnn"};

TEST(IncludeDirection, coreIncludesNoQt) {
  EXPECT_THAT(qtViolations("core"), testing::IsEmpty());
}

TEST(IncludeDirection, coreIncludesNoCudaHeader) {
  EXPECT_THAT(violations("core", kCudaHeaders), testing::IsEmpty());
}

TEST(IncludeDirection, coreIncludesNothingAboveIt) {
  EXPECT_THAT(violations("core", {"app/", "profiler/", "runtime/"}), testing::IsEmpty());
}

TEST(IncludeDirection, appProfilerAndRuntimeDoNotKnowEachOther) {
  EXPECT_THAT(violations("app", {"profiler/", "runtime/"}), testing::IsEmpty());
  EXPECT_THAT(violations("profiler", {"app/", "runtime/"}), testing::IsEmpty());
  EXPECT_THAT(violations("runtime", {"app/", "profiler/"}), testing::IsEmpty());
}

TEST(IncludeDirection, onlyTheUserInterfaceIncludesQt) {
  EXPECT_THAT(qtViolations("runtime"), testing::IsEmpty());
  EXPECT_THAT(qtViolations("profiler"), testing::IsEmpty());
  EXPECT_THAT(qtViolations("app/cli"), testing::IsEmpty());
}

TEST(IncludeDirection, commandLineAndUserInterfaceDoNotKnowEachOther) {
  EXPECT_THAT(violations("app/cli", {"app/ui"}), testing::IsEmpty());
  EXPECT_THAT(violations("app/ui", {"app/cli"}), testing::IsEmpty());
}

TEST(IncludeDirection, cudaHeadersStayInTheirFolders) {
  for (const Include& include : includesBelow("runtime")) {
    if (startsWithAny(include.file, {"runtime/cuda/"})) continue;
    EXPECT_FALSE(startsWithAny(include.target, kCudaHeaders))
        << include.file << " includes " << include.target;
  }
  EXPECT_THAT(violations("app", kCudaHeaders), testing::IsEmpty());
}

// So a header that leans on what its users include does not compile.
TEST(IncludeDirection, everySourceIncludesItsOwnHeaderFirst) {
  for (const char* const folder : {"app", "core", "profiler", "runtime"}) {
    std::string file;
    for (const Include& include : includesBelow(folder)) {
      if (include.file == file) continue;  // the first include of each file
      file = include.file;
      const fs::path header = fs::path(file).replace_extension(".h");
      if (fs::path(file).extension() != ".cpp" || !fs::exists(CARACAL_SOURCE_DIR / header))
        continue;
      EXPECT_EQ(include.target, header.string()) << "is not the first include of " << file;
    }
  }
}

TEST(IncludeDirection, coreFoldersOnlyGoDownTheList) {
  const std::vector<std::string> folders = coreFolders();
  ASSERT_GE(folders.size(), 10U)
      << "core/CMakeLists.txt no longer lists its folders in one foreach()";
  for (const Include& include : includesBelow("core")) {
    if (include.target.rfind("core/", 0) != 0 || isImporterInterface(include)) continue;
    const auto from = coreFolderOf(folders, include.file);
    const auto to = coreFolderOf(folders, include.target);
    ASSERT_TRUE(from) << include.file << " is in no folder that core/CMakeLists.txt lists";
    ASSERT_TRUE(to) << include.file << " includes " << include.target
                    << ", a folder that is not listed";
    EXPECT_LE(*to, *from) << include.file << " includes " << include.target << ": core/"
                          << folders[*to] << " is above core/" << folders[*from];
  }
}

}  // namespace
