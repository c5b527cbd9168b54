// Logs written by hand, whole and damaged.
#include <gmock/gmock.h>

#include <cstring>
#include <filesystem>
#include <random>

#include "core/base/checksum.h"
#include "core/import/importer.h"
#include "core/recorder/log_conversion.h"
#include "core/recorder/log_reader.h"
#include "tests/core/import/test_files.h"
#include "tests/core/recorder/log_text.h"

namespace caracal::recorder {
namespace {

using testing::HasSubstr;

class RecorderLog : public testing::Test {
 protected:
  Result<Conversion> convert(const std::string& bytes,
                             const std::optional<SessionClock>& clock = std::nullopt) {
    return convertLog(m_folder.write("a.caracal-log", bytes), m_folder.path() + "/a.sqlite", clock);
  }
  std::shared_ptr<const trace::Trace> load() const {
    auto loaded = import::loadTraces({m_folder.path()});
    EXPECT_TRUE(loaded) << loaded.error().text();
    return loaded->trace;
  }
  import::TemporaryFolder m_folder;
};

TEST_F(RecorderLog, becomesARecordingOnTheWallClock) {
  const auto converted = convert(LogText()
                                     .fact("host=node1")
                                     .fact("env.RANK=4")
                                     .anchor(1000, 5'000'000'000'000'000'000 / 4)
                                     .kernel(3000, 3500)
                                     .frame()
                                     .range(RecordKind::kRangePush, 2000, "outer")
                                     .range(RecordKind::kRangePop, 4000)
                                     .frame(9)
                                     .text());
  ASSERT_TRUE(converted) << converted.error().text();
  EXPECT_EQ(converted->pid, 77);
  EXPECT_EQ(converted->kernels, 1);
  const auto trace = load();
  ASSERT_EQ(trace->ranks().size(), 1u);
  EXPECT_EQ(trace->ranks()[0].rank, 4);
  EXPECT_EQ(trace->ranks()[0].host, "node1");
  for (trace::EventIndex e = 0; e < trace->eventCount(); ++e) {
    const int64_t sinceAnchor = trace->beginNs(e) - 5'000'000'000'000'000'000 / 4;
    EXPECT_EQ(sinceAnchor, trace->kind(e) == trace::EventKind::kKernel ? 2000 : 1000);
  }
}

TEST_F(RecorderLog, endsBeforeTheFirstFrameThatDoesNotCheck) {
  const std::string whole =
      LogText().anchor(1000, 9000).kernel(1, 2).frame().kernel(3, 4).kernel(5, 6).frame().text();
  const size_t secondFrame = whole.size() - sizeof(FrameHeader) - 2 * sizeof(KernelRecord);
  for (size_t cut = secondFrame; cut < whole.size(); cut += 13) {
    const auto converted = convert(whole.substr(0, cut));
    ASSERT_TRUE(converted) << cut;
    EXPECT_EQ(converted->kernels, 1) << cut;
    EXPECT_EQ(converted->lostBytes, static_cast<int64_t>(cut - secondFrame)) << cut;
  }
  for (size_t flipped = secondFrame; flipped < whole.size(); flipped += 7) {
    std::string damaged = whole;
    damaged[flipped] = static_cast<char>(damaged[flipped] ^ 0x10);
    const auto converted = convert(damaged);
    ASSERT_TRUE(converted) << flipped;
    EXPECT_EQ(converted->kernels, 1) << flipped;
  }
}

TEST_F(RecorderLog, refusesOtherVersionsAndOtherFiles) {
  std::string newer = LogText().anchor(1, 2).frame().text();
  newer[offsetof(FileHeader, version)] = 9;
  EXPECT_THAT(convert(newer).error().text(), HasSubstr("version 9"));
  EXPECT_THAT(convert("something else entirely, and long enough").error().text(),
              HasSubstr("not a log"));
  EXPECT_THAT(convert(LogText().text()).error().text(), HasSubstr("the log is empty"));
  EXPECT_FALSE(std::filesystem::exists(m_folder.path() + "/a.sqlite"));
}

TEST_F(RecorderLog, aRecordThatClaimsMoreThanItsFrameIsAnError) {
  KernelRecord kernel{};
  LogText text;
  text.anchor(1, 2).frame().add(RecordKind::kKernel, kernel);
  std::string bytes = text.frame().text();
  // A longer claim, with a checksum that fits: what a broken recorder would write.
  const size_t frame = bytes.size() - sizeof(FrameHeader) - sizeof kernel;
  auto* const head = reinterpret_cast<RecordHead*>(bytes.data() + frame + sizeof(FrameHeader));
  head->bytes = 4096;
  auto* const header = reinterpret_cast<FrameHeader*>(bytes.data() + frame);
  header->checksum = 0;
  header->checksum = checksum64(std::as_bytes(std::span(bytes).subspan(frame)));
  EXPECT_THAT(convert(bytes).error().text(), HasSubstr("does not fit its frame"));
}

// Damage that the checksum does not show, as from a recorder with a fault.
TEST_F(RecorderLog, anyBytesInsideAFrameAreAnswered) {
  SchemaRecord schema{};
  schema.entries = 1;
  const std::string whole = LogText()
                                .anchor(1000, 9000)
                                .frame()
                                .kernel(3, 4)
                                .range(RecordKind::kRangePush, 5, "a range")
                                .range(RecordKind::kMark, 6)
                                .range(RecordKind::kRangePop, 7)
                                .add(RecordKind::kPayloadSchema, schema, std::string(64, 'x'))
                                .add(RecordKind::kStep, StepRecord{})
                                .frame(3)
                                .text();
  const size_t frame = sizeof(FileHeader) + sizeof(FrameHeader) + sizeof(AnchorRecord);
  const uint64_t seed = std::random_device()();
  SCOPED_TRACE(seed);
  std::mt19937_64 random(seed);
  for (int i = 0; i < 300; ++i) {
    std::string bytes = whole;
    for (int change = 0; change < 3; ++change) {
      const size_t at = frame + sizeof(FrameHeader) + random() % (whole.size() - frame - 24);
      bytes[at] = static_cast<char>(random());
    }
    auto* const header = reinterpret_cast<FrameHeader*>(bytes.data() + frame);
    header->checksum = 0;
    header->checksum = checksum64(std::as_bytes(std::span(bytes).subspan(frame)));
    const auto converted = convert(bytes);
    EXPECT_TRUE(converted || !converted.error().message.empty());
  }
}

TEST_F(RecorderLog, rangesPairByThreadAndStayOpenWithoutAnEnd) {
  const auto converted = convert(LogText()
                                     .anchor(0, 1'000'000'000'000'000'000)
                                     .frame()
                                     .range(RecordKind::kRangePop, 5)
                                     .range(RecordKind::kRangePush, 10, "outer")
                                     .range(RecordKind::kRangePush, 20, "inner")
                                     .frame(1)
                                     .range(RecordKind::kRangePush, 25, "other thread")
                                     .frame(2)
                                     .range(RecordKind::kRangePop, 30)
                                     .frame(1)
                                     .text());
  ASSERT_TRUE(converted);
  EXPECT_EQ(converted->ranges, 3);
  EXPECT_EQ(converted->openRanges, 2);
  const auto trace = load();
  EXPECT_EQ(trace->report().of(trace::Defect::kOpenRange), 2);
}

TEST_F(RecorderLog, processesOfOneBootShareTheEarliestClock) {
  const auto start = [&](const std::string& boot, int64_t time) {
    LogStart log;
    log.facts["bootId"] = boot;
    log.clock = SessionClock{time, 1000 + time};
    return log;
  };
  const auto clocks = sharedClocks({start("a", 30), start("a", 20), start("b", 5), LogStart{}});
  ASSERT_EQ(clocks.size(), 2u);
  EXPECT_EQ(clocks.at("a"), (SessionClock{20, 1020}));
  EXPECT_EQ(clocks.at("b"), (SessionClock{5, 1005}));
}

// Two hosts, one of which loses a microsecond a millisecond against the real time.
TEST_F(RecorderLog, logsOfSeveralHostsFollowTheRealTime) {
  const auto written = [&](const std::string& name, const std::string& boot, int64_t slowNs) {
    const std::string path = m_folder.write(name, LogText()
                                                      .fact("bootId=" + boot)
                                                      .anchor(1'000'000, 9'000'000'000)
                                                      .range(RecordKind::kRangePush, 1'500'000, "a")
                                                      .range(RecordKind::kRangePop, 2'000'000)
                                                      .anchor(3'000'000, 9'002'000'000 + slowNs)
                                                      .frame(1)
                                                      .text());
    return path;
  };
  const std::vector<std::string> paths{written("one.caracal-log", "one", 0),
                                       written("two.caracal-log", "two", 2000)};
  std::vector<LogStart> starts;
  for (const std::string& path : paths) starts.push_back(*readLogStart(path));
  auto clocks = sharedClocks(starts);
  followRealtime(paths, starts, clocks);
  EXPECT_EQ(clocks.at("two").anchors,
            (std::vector<ClockPoint>{{1'000'000, 9'000'000'000}, {3'000'000, 9'002'002'000}}));
  EXPECT_EQ(ClockMap(clocks.at("two").anchors)(2'000'000), 1'001'000);
  EXPECT_EQ(ClockMap(clocks.at("one").anchors)(2'000'000), 1'000'000);

  auto alone = sharedClocks({starts[1]});
  followRealtime({paths[1]}, {starts[1]}, alone);
  EXPECT_TRUE(alone.at("two").anchors.empty()) << "one host needs no other clock than its own";
}

TEST_F(RecorderLog, streamsOfGreenContextsSayTheirShareOfTheDevice) {
  ContextRecord green{};
  green.context = 5;
  green.isGreen = 1;
  green.multiprocessors = 32;
  KernelRecord kernel{};
  kernel.startNs = 10;
  kernel.endNs = 20;
  kernel.context = 5;
  kernel.stream = 9;
  ASSERT_TRUE(convert(LogText()
                          .anchor(0, 1'000'000'000'000'000'000)
                          .add(RecordKind::kContext, green)
                          .add(RecordKind::kKernel, kernel)
                          .frame()
                          .text()));
  const auto trace = load();
  ASSERT_EQ(trace->eventCount(), 1u);
  EXPECT_EQ(trace->tracks()[trace->trackOf(0)].label, "stream 9 (green context 5, 32 SMs)");
}

TEST_F(RecorderLog, anUnconvertedLogIsReadAndAConvertedOneLeftAlone) {
  const std::string bytes =
      LogText().anchor(0, 1'000'000'000'000'000'000).kernel(1, 2).frame().text();
  m_folder.write("a.caracal-log", bytes);
  EXPECT_EQ(load()->eventCount(), 1u);
  EXPECT_EQ(load()->report().of(trace::Defect::kTruncatedInput), 1);
  EXPECT_EQ(load()->report().of(trace::Defect::kRecoveredBlocks), 1);
  ASSERT_TRUE(convert(bytes));
  EXPECT_EQ(load()->ranks().size(), 1u);
  EXPECT_EQ(load()->report().of(trace::Defect::kTruncatedInput), 0);
}

}  // namespace
}  // namespace caracal::recorder
