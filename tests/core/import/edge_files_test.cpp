// Every damaged or odd JSON file of the shared traces: loaded with its defects counted, or refused
// in words. What is expected of each is said in the folder's README.
#include <gtest/gtest.h>

#include <cctype>
#include <filesystem>
#include <map>
#include <ostream>
#include <set>

#include "core/import/importer.h"
#include "tests/core/import/test_files.h"

namespace caracal::import {
namespace {

using trace::Defect;

struct EdgeFile {
  const char* path;
  const char* refusal = nullptr;           // part of the error's text; loaded when there is none
  std::map<Defect, int64_t> defects = {};  // exactly these
  int64_t records = 1344;
  int64_t kernels = 130;
  const char* note = nullptr;  // part of a note of the report
};

void PrintTo(const EdgeFile& file, std::ostream* out) {
  *out << file.path;
}

const EdgeFile kEdgeFiles[] = {
    {.path = "edge-derived/empty_file.json", .refusal = "the file is empty"},
    {.path = "edge-derived/empty_object.json", .refusal = "no events"},
    {.path = "edge-derived/no_events.json", .refusal = "no events"},
    {.path = "edge-derived/only_whitespace_gz.json.gz", .refusal = "only white space, no events"},
    {.path = "edge-derived/truncated_mid_number.json",
     .defects = {{Defect::kTruncatedInput, 1}},
     .records = 872,
     .kernels = -1,
     .note = "inside the entry that begins at byte 207481"},
    {.path = "edge-derived/truncated_stream.json.gz",
     .defects = {{Defect::kTruncatedInput, 1}},
     .records = 912,
     .kernels = -1,
     .note = "compressed data is cut"},
    {.path = "edge-derived/two_gzip_members.json.gz"},
    {.path = "edge-derived/plain_json_named.gz.json.gz"},
    {.path = "edge-derived/utf8_bom_crlf.json", .defects = {{Defect::kConvertedEncoding, 1}}},
    {.path = "edge-derived/utf16le_bom.json", .defects = {{Defect::kConvertedEncoding, 1}}},
    {.path = "edge-derived/nan_infinity.json", .defects = {{Defect::kNonFiniteNumber, 3}}},
    {.path = "edge-derived/invalid_utf8_name.json", .defects = {{Defect::kRepairedText, 1}}},
    {.path = "edge-derived/windows_path_bad_escape.json", .defects = {{Defect::kRepairedText, 1}}},
    {.path = "edge-derived/raw_control_chars.json", .defects = {{Defect::kRepairedText, 1}}},
    {.path = "edge-derived/epoch_us_with_ns_digits.json"},
    {.path = "edge-derived/ids_over_32bit_and_as_strings.json"},
    {.path = "edge-derived/array_without_close.json",
     .defects = {{Defect::kMissingCloseBracket, 1}, {Defect::kUnknownRank, 1}}},
    {.path = "edge-derived/missing_and_wrong_type_fields.json",
     .defects = {{Defect::kNotAnObject, 2},
                 {Defect::kUnknownPhase, 1},
                 {Defect::kMissingTimestamp, 2},
                 {Defect::kMissingDuration, 1},
                 {Defect::kNegativeDuration, 1},
                 {Defect::kMissingName, 2},
                 {Defect::kUnknownCategory, 1}},
     .records = 1346},
    {.path = "edge-kineto/backward_thread.json", .records = 7, .kernels = 1},
    {.path = "edge-kineto/distributed_info_not_found.json.gz",
     .defects = {{Defect::kUnknownRank, 1}},
     .records = 2467,
     .kernels = 0},
    {.path = "edge-kineto/event_sync_multi_stream_trace.json.gz", .records = 149, .kernels = 3},
    {.path = "edge-kineto/event_sync_trace.json.gz", .records = 92, .kernels = 4},
    {.path = "edge-kineto/mi250_minitoy_train_ROCm6_2_kineto.json.gz",
     .defects = {{Defect::kUnknownRank, 1}},
     .records = 220,
     .kernels = 14},
    {.path = "edge-kineto/rank-34.Jul_15_10_52_41.1074.pt.trace.json.gz",
     .records = 30,
     .kernels = 0},
    {.path = "edge-kineto/rank-70.Mar_25_20_48_12.2861.pt.trace.json.gz",
     .defects = {{Defect::kMissingArgs, 1}, {Defect::kGpuWorkWithoutLaunch, 1}},
     .records = 2,
     .kernels = 1},
    {.path = "edge-kineto/rank_non_gpu.json.gz", .records = 2467, .kernels = 0},
    {.path = "edge-kineto/rank_not_found.json.gz",
     .defects = {{Defect::kUnknownRank, 1}},
     .records = 2467,
     .kernels = 0},
    {.path = "edge-kineto/step_based_trace_2543932.json.gz"},
    {.path = "edge-kineto/triton_example.json.gz",
     .defects = {{Defect::kUnknownRank, 1}},
     .records = 71,
     .kernels = 1},
};

std::map<Defect, int64_t> defectsOf(const trace::Trace& trace) {
  std::map<Defect, int64_t> defects;
  for (size_t i = 0; i < static_cast<size_t>(Defect::kCount); ++i) {
    const auto defect = static_cast<Defect>(i);
    if (trace.report().of(defect) != 0) defects[defect] = trace.report().of(defect);
  }
  return defects;
}

class EdgeFiles : public testing::TestWithParam<EdgeFile> {
 protected:
  void SetUp() override {
    if (sharedTraces().empty()) GTEST_SKIP() << "shared traces are not here: " << GetParam().path;
  }
};

TEST_P(EdgeFiles, areLoadedWithTheirDefectsCountedOrRefusedInWords) {
  const EdgeFile& file = GetParam();
  const auto loaded = loadTraces({sharedTraces() + "/" + file.path});
  if (file.refusal != nullptr) {
    ASSERT_FALSE(loaded);
    EXPECT_NE(loaded.error().text().find(file.refusal), std::string::npos) << loaded.error().text();
    EXPECT_NE(loaded.error().text().find(file.path), std::string::npos) << loaded.error().text();
    return;
  }
  ASSERT_TRUE(loaded) << loaded.error().text();
  EXPECT_EQ(defectsOf(*loaded->trace), file.defects);
  EXPECT_EQ(loaded->trace->ranks()[0].sourceRecords, file.records);
  const int64_t kernels = loaded->trace->countOf(trace::EventKind::kKernel);
  if (file.kernels >= 0) {
    EXPECT_EQ(kernels, file.kernels);
  } else {  // cut in the middle: some, not all
    EXPECT_GT(kernels, 0);
    EXPECT_LT(kernels, 130);
  }
  const auto& notes = loaded->trace->report().notes;
  EXPECT_EQ(notes.size(), file.note != nullptr ? 1u : 0u);
  if (file.note != nullptr) {
    EXPECT_NE(notes.front().find(file.note), std::string::npos) << notes.front();
  }
}

std::string testName(const testing::TestParamInfo<EdgeFile>& info) {
  std::string name = info.param.path;
  for (char& c : name) c = std::isalnum(static_cast<unsigned char>(c)) ? c : '_';
  return name;
}
INSTANTIATE_TEST_SUITE_P(Shared, EdgeFiles, testing::ValuesIn(kEdgeFiles), testName);

TEST(EdgeFileTable, namesEveryJsonFileOfTheEdgeFolders) {
  if (sharedTraces().empty()) GTEST_SKIP() << "shared traces are not here";
  std::set<std::string> named;
  for (const EdgeFile& file : kEdgeFiles) named.insert(file.path);
  for (const char* folder : {"edge-derived", "edge-kineto"}) {
    for (const auto& entry : std::filesystem::directory_iterator(sharedTraces() + "/" + folder)) {
      if (entry.path().extension() == ".sqlite") continue;
      EXPECT_EQ(named.count(std::string(folder) + "/" + entry.path().filename().string()), 1u)
          << entry.path();
    }
  }
}

TEST(EdgeNames, areRepairedSoThatTheyStayReadable) {
  if (sharedTraces().empty()) GTEST_SKIP() << "shared traces are not here";
  const auto hasName = [](const char* file, std::string_view name) {
    const auto loaded = loadTraces({sharedTraces() + "/edge-derived/" + file});
    return loaded && loaded->trace->names().find(name) != trace::StringTable::kAbsent;
  };
  EXPECT_TRUE(hasName("windows_path_bad_escape.json", "C:\\Users\\me\\kernel.cu"));
  EXPECT_TRUE(hasName("raw_control_chars.json", "line1 line2 tab"));
}

}  // namespace
}  // namespace caracal::import
