// docs/bad-data.md names a test, and where there is one a counter, for each defect: they exist, and
// no counter is left out.
#include <gtest/gtest.h>

#include <filesystem>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "core/base/files.h"
#include "core/trace/import_report.h"

namespace {

namespace fs = std::filesystem;

std::set<std::string> allMatches(const std::string& text, const std::regex& pattern) {
  std::set<std::string> found;
  for (std::sregex_iterator it(text.begin(), text.end(), pattern), end; it != end; ++it)
    found.insert(it->size() > 2 ? (*it)[1].str() + "." + (*it)[2].str() : (*it)[1].str());
  return found;
}

std::set<std::string> testsOfTheSources() {
  static const std::regex kTest(R"(TEST(?:_F|_P)?\(\s*(\w+),\s*(\w+)\s*\))");
  std::set<std::string> tests;
  for (const auto& entry :
       fs::recursive_directory_iterator(fs::path(CARACAL_SOURCE_DIR) / "tests")) {
    if (entry.path().extension() == ".cpp")
      tests.merge(allMatches(caracal::readTextFile(entry.path().string()).value(), kTest));
  }
  return tests;
}

struct Row {
  std::string text;
  std::set<std::string> counters, tests;
};

// The rows of the page's tables: what, what is done, counters, tests.
std::vector<Row> rows() {
  static const std::regex kCode("`([^`]+)`");
  static const std::regex kRow(R"(^\| ([^|]*) \| ([^|]*) \| ([^|]*) \| ([^|]*) \|$)");
  std::istringstream page(caracal::readTextFile(CARACAL_SOURCE_DIR "/docs/bad-data.md").value());
  std::vector<Row> rows;
  std::smatch cells;
  for (std::string line; std::getline(page, line);) {
    if (!std::regex_match(line, cells, kRow) || cells[1] == "seen in the wild") continue;
    rows.push_back({cells[1], allMatches(cells[3], kCode), allMatches(cells[4], kCode)});
  }
  return rows;
}

TEST(DocumentedDefects, haveTestsThatExist) {
  const std::set<std::string> known = testsOfTheSources();
  const std::vector<Row> all = rows();
  ASSERT_GT(all.size(), 40u);
  for (const Row& row : all) {
    EXPECT_FALSE(row.tests.empty()) << row.text;
    for (const std::string& test : row.tests)
      EXPECT_EQ(known.count(test), 1u) << row.text << ": " << test;
  }
}

TEST(DocumentedDefects, areThoseThatAreCounted) {
  std::set<std::string> counted, documented;
  for (size_t d = 0; d < static_cast<size_t>(caracal::trace::Defect::kCount); ++d)
    counted.emplace(caracal::trace::info(static_cast<caracal::trace::Defect>(d)).name);
  for (const Row& row : rows()) documented.insert(row.counters.begin(), row.counters.end());
  EXPECT_EQ(documented, counted);
}

}  // namespace
