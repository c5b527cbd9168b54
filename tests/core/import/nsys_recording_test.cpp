#include <gmock/gmock.h>

#include "core/recording/recording.h"
#include "core/recording/write_trace.h"
#include "tests/core/import/nsys_fixture.h"
#include "tests/core/import/part_of_whole.h"

namespace caracal::import {
namespace {

using recording::RecordingWriter;
using recording::StepRecords;
using testing::ElementsAre;
using trace::CollectiveKind;
using trace::Defect;
using trace::EventKind;
using trace::Pass;
using trace::TrackKind;

class CaracalRecording : public NsysTest {
 protected:
  // Two stages of two tensor-parallel ranks.
  RecordingWriter create() const {
    auto writer = RecordingWriter::create(
        path(),
        {{"runId", "r"},
         {"planHash", "00ff"},
         {"clock", "virtual"},
         {"tag", "emulated"},
         {"toolVersion", "0.1.0"},
         {"hardware", "one core"}},
        {{0, 0, 0, 0, "host"}, {1, 0, 1, 0, "host"}, {2, 1, 0, 0, "host"}, {3, 1, 1, 0, "host"}});
    EXPECT_TRUE(writer) << writer.error().text();
    return std::move(*writer);
  }
};

StepRecords stepRecords(int32_t step, int64_t begin) {
  StepRecords records;
  records.operators = {{0, EventKind::kCompute, Pass::kForward, "qkv", "compute", begin + 10,
                        begin + 20, -1, step, 1, 5, 0, 64},
                       {0, EventKind::kRecompute, Pass::kRecompute, "fc1", "compute", begin + 20,
                        begin + 25, -1, step, 1, 5, 2},
                       {0, EventKind::kComm, Pass::kForward, "fwd.attn", "tp-comm", begin + 21,
                        begin + 30, 6, step, 1, 5, 1, 128},
                       {1, EventKind::kComm, Pass::kForward, "fwd.attn", "tp-comm", begin + 22,
                        begin + 30, 6, step, 1, 5, 1, 128},
                       {0, EventKind::kComm, Pass::kForward, "send.fwd", "pp-comm", begin + 40,
                        begin + 50, -1, step, 1, -3, 0, 256},
                       {2, EventKind::kComm, Pass::kForward, "recv.fwd", "pp-comm", begin + 40,
                        begin + 50, -1, step, 1, -3, 0, 256},
                       {3, EventKind::kCompute, Pass::kOptimizer, "optimizer", "compute",
                        begin + 60, begin + 70, -1, step, -1, -3}};
  records.ranges = {{0, "step:" + std::to_string(step), begin, begin + 100},
                    {0, "F:1:0", begin + 10, begin + 50}};
  records.memory = {{2, begin + 5, 1000}, {2, begin + 2, 500}, {0, begin, 7}};
  records.steps = {{step, begin, begin + 100, 4.5 - step, 2000}};
  return records;
}

TEST_F(CaracalRecording, operatorsLieOnTheLanesOfTheConventions) {
  auto writer = create();
  ASSERT_TRUE(writer.append(stepRecords(0, 1000)));
  ASSERT_TRUE(writer.close());
  const auto trace = load();
  EXPECT_EQ(trace->format(), "caracal");
  EXPECT_EQ(trace->tag(), trace::Tag::kEmulated);
  EXPECT_EQ(trace->metaOr("planHash", ""), "00ff");
  EXPECT_THAT(eventsOf(*trace, EventKind::kCompute),
              ElementsAre("qkv [1010, 1020) compute", "optimizer [1060, 1070) compute"));
  EXPECT_THAT(eventsOf(*trace, EventKind::kRecompute), ElementsAre("fc1 [1020, 1025) compute"));
  EXPECT_THAT(eventsOf(*trace, EventKind::kPass), ElementsAre("F [1010, 1050) passes"));
  EXPECT_THAT(eventsOf(*trace, EventKind::kAnnotation), ElementsAre("step:0 [1000, 1100) steps"));

  const auto qkv = eventNamed(*trace, "qkv");
  EXPECT_EQ(trackOf(*trace, qkv).kind, TrackKind::kComputeLane);
  EXPECT_EQ(*trace->args(qkv), (trace::EventArgs{.bytes = 64,
                                                 .step = 0,
                                                 .microBatch = 1,
                                                 .stage = 0,
                                                 .layer = 5,
                                                 .pass = Pass::kForward}));
  EXPECT_EQ(trace->args(eventNamed(*trace, "fc1"))->window, 2);
  EXPECT_EQ(trace->args(eventNamed(*trace, "F"))->step, 0);
  EXPECT_EQ(trace->args(eventNamed(*trace, "optimizer"))->pass, Pass::kOptimizer);
  EXPECT_EQ(trace->args(eventNamed(*trace, "optimizer"))->microBatch, -1);
  EXPECT_EQ(trace->args(eventNamed(*trace, "optimizer"))->layer, -3);
}

TEST_F(CaracalRecording, ranksKnowTheirPlace) {
  auto writer = create();
  ASSERT_TRUE(writer.append(stepRecords(0, 0)));
  ASSERT_TRUE(writer.close());
  const auto trace = load();
  ASSERT_EQ(trace->ranks().size(), 4u);
  const trace::Rank& last = trace->ranks()[3];
  EXPECT_EQ(last.rank, 3);
  EXPECT_EQ(last.stage, 1);
  EXPECT_EQ(last.tensorIndex, 1);
  EXPECT_EQ(last.dataIndex, 0);
  EXPECT_EQ(last.host, "host");
  EXPECT_EQ(last.deviceName, "one core");
  EXPECT_EQ(last.foundBy, "CARACAL_RANK");
  EXPECT_EQ(trace->ranks()[0].sourceRecords, 6);
  EXPECT_EQ(trace->report().of(Defect::kUnknownRank), 0);
}

TEST_F(CaracalRecording, collectivesCarryGroupAndSequenceTransfersTheirPeer) {
  auto writer = create();
  ASSERT_TRUE(writer.append(stepRecords(0, 0)));
  ASSERT_TRUE(writer.append(stepRecords(1, 100)));
  ASSERT_TRUE(writer.close());
  const auto trace = load();
  std::vector<std::string> calls;
  for (trace::EventIndex e = 0; e < trace->eventCount(); ++e) {
    if (trace->kind(e) != EventKind::kComm) continue;
    const trace::EventArgs args = *trace->args(e);
    std::string where = args.group == trace::kNoIndex ? "peer " + std::to_string(args.peer)
                                                      : trace->processGroups()[args.group].name;
    calls.push_back(fmt::format("{} {} {} #{} {}", trace->ranks()[trackOf(*trace, e).rank].rank,
                                trace->name(e), trace::name(args.collective), args.sequence,
                                where));
  }
  EXPECT_THAT(calls, testing::UnorderedElementsAre(
                         "0 fwd.attn AllReduce #0 tp stage 0 replica 0",
                         "0 fwd.attn AllReduce #1 tp stage 0 replica 0",
                         "1 fwd.attn AllReduce #0 tp stage 0 replica 0",
                         "1 fwd.attn AllReduce #1 tp stage 0 replica 0",
                         "0 send.fwd Send #-1 peer 2", "0 send.fwd Send #-1 peer 2",
                         "2 recv.fwd Recv #-1 peer 0", "2 recv.fwd Recv #-1 peer 0"));
  ASSERT_EQ(trace->processGroups().size(), 1u);
  EXPECT_THAT(trace->processGroups()[0].ranks, ElementsAre(0, 1));
}

TEST_F(CaracalRecording, memoryIsACounterInOrderOfTime) {
  auto writer = create();
  ASSERT_TRUE(writer.append(stepRecords(0, 0)));
  ASSERT_TRUE(writer.close());
  const auto trace = load();
  ASSERT_EQ(trace->counters().size(), 2u);
  const trace::CounterSeries& memory = trace->counters()[1];
  EXPECT_EQ(memory.name, "memory");
  EXPECT_EQ(memory.unit, "bytes");
  EXPECT_EQ(trace->ranks()[memory.rank].rank, 2);
  EXPECT_THAT(memory.timesNs, ElementsAre(2, 5));
  EXPECT_THAT(memory.values, ElementsAre(500, 1000));
}

TEST_F(CaracalRecording, lossesAndPeaksStayInTheMeta) {
  auto writer = create();
  ASSERT_TRUE(writer.append(stepRecords(0, 0)));
  ASSERT_TRUE(writer.append(stepRecords(1, 100)));
  ASSERT_TRUE(writer.close());
  const auto trace = load();
  EXPECT_EQ(trace->metaOr("steps", ""), "[0,1]");
  EXPECT_EQ(trace->metaOr("losses", ""), "[4.5,3.5]");
  EXPECT_EQ(trace->metaOr("peakBytes", ""), "[2000,2000]");
}

TEST_F(CaracalRecording, aRunThatStillWritesOrWasKilledIsReadFromItsWal) {
  auto writer = create();
  ASSERT_TRUE(writer.append(stepRecords(0, 0)));
  // The files as a kill -9 leaves them: the steps are in the WAL only.
  for (const char* const suffix : {"", "-wal"}) {
    std::filesystem::copy_file(path() + suffix, path("killed.sqlite") + suffix);
  }
  EXPECT_EQ(load()->metaOr("steps", ""), "[0]");
  EXPECT_EQ(load("killed.sqlite")->metaOr("steps", ""), "[0]");
  ASSERT_TRUE(writer.append(stepRecords(1, 100)));
  EXPECT_EQ(load()->metaOr("steps", ""), "[0,1]");
}

TEST_F(CaracalRecording, aRunThatDidNotReachItsEndSaysHowFarItCame) {
  auto writer = create();
  ASSERT_TRUE(writer.setMeta("stepsAsked", "5"));
  ASSERT_TRUE(writer.append(stepRecords(0, 0)));
  EXPECT_EQ(load()->report().of(Defect::kTruncatedInput), 1);
  EXPECT_TRUE(anyNoteContains(*load(), "killed or still goes on: 1 of 5 steps"));
  ASSERT_TRUE(writer.setMeta("ended", "signal"));
  EXPECT_TRUE(anyNoteContains(*load(), "stopped after 1 of 5 steps"));
  ASSERT_TRUE(writer.setMeta("ended", "allSteps"));
  ASSERT_TRUE(writer.close());
  EXPECT_EQ(load()->report().of(Defect::kTruncatedInput), 0);
  EXPECT_FALSE(anyNoteContains(*load(), "steps"));
}

TEST_F(CaracalRecording, aTableThatIsLostIsCountedAndSaid) {
  auto writer = create();
  ASSERT_TRUE(writer.append(stepRecords(0, 0)));
  ASSERT_TRUE(writer.close());
  EXPECT_EQ(load()->report().of(Defect::kMissingTable), 0);
  for (const std::string table :
       {"CARACAL_META", "CARACAL_CPU_OP", "CARACAL_MEMORY", "CARACAL_STEP", "NVTX_EVENTS"}) {
    const std::string damaged = table + ".sqlite";
    std::filesystem::copy_file(path(), path(damaged));
    sql("DROP TABLE " + table + ";", damaged);
    const auto trace = load(damaged);
    EXPECT_EQ(trace->format(), "caracal") << table;
    EXPECT_EQ(trace->tag(), trace::Tag::kEmulated) << table;
    EXPECT_EQ(trace->report().of(Defect::kMissingTable), 1) << table;
    EXPECT_TRUE(anyNoteContains(*trace, "lost its table " + table)) << table;
  }
}

TEST_F(CaracalRecording, aFolderShowsTheRecordingAndNotItsWal) {
  auto writer = create();
  ASSERT_TRUE(writer.append(stepRecords(0, 0)));
  const auto loaded = loadTraces({m_folder.path()});
  ASSERT_TRUE(loaded) << loaded.error().text();
  EXPECT_TRUE(loaded->skipped.empty()) << loaded->skipped.front().text();
}

TEST_F(CaracalRecording, aNewerVersionIsRefusedByName) {
  auto writer = create();
  ASSERT_TRUE(writer.append(stepRecords(0, 0)));
  ASSERT_TRUE(writer.setMeta("recordingVersion", "7"));
  ASSERT_TRUE(writer.close());
  const Error error = refusal();
  EXPECT_EQ(error.code, ErrorCode::kUnsupported);
  EXPECT_NE(error.message.find("version 7"), std::string::npos) << error.text();
}

TEST_F(CaracalRecording, rowsOfARankNobodyKnowsAreCounted) {
  auto writer = create();
  StepRecords records = stepRecords(0, 0);
  records.operators[0].rank = 9;
  records.memory[2].rank = 9;
  ASSERT_TRUE(writer.append(records));
  ASSERT_TRUE(writer.close());
  EXPECT_EQ(load()->report().of(Defect::kUnknownRank), 2);
}

// A predicted timeline of two stages, as the simulator makes it.
std::shared_ptr<const trace::Trace> prediction() {
  trace::TraceBuilder builder;
  builder.setTag(trace::Tag::kSimulated);
  builder.meta()["policy"] = "heu";
  for (int32_t stage = 0; stage < 2; ++stage) {
    const uint32_t rank =
        builder.addRank({.rank = stage, .stage = stage, .tensorIndex = 0, .dataIndex = 0});
    const auto add = [&](TrackKind kind, const char* lane, EventKind event, const char* name,
                         int64_t begin, const trace::EventArgs& args) {
      const auto track = builder.addTrack({.kind = kind, .rank = rank, .label = lane});
      builder.add({track, event, builder.intern(name), begin, 10}, args);
    };
    add(TrackKind::kOther, "steps", EventKind::kAnnotation, "step:0", 0, {.step = 0});
    add(TrackKind::kPassLane, "passes", EventKind::kPass, "F", 0,
        {.step = 0, .microBatch = 3, .stage = stage, .pass = Pass::kForward});
    add(TrackKind::kComputeLane, "compute", EventKind::kRecompute, "fc1", 0,
        {.bytes = 7,
         .step = 0,
         .microBatch = 3,
         .stage = stage,
         .layer = 2,
         .pass = Pass::kRecompute,
         .window = 4});
    add(TrackKind::kCommLane, "tp-comm", EventKind::kComm, "bwd.mlp", 0,
        {.bytes = 9,
         .step = 0,
         .microBatch = 3,
         .stage = stage,
         .layer = 2,
         .collective = CollectiveKind::kAllReduce,
         .pass = Pass::kBackward});
    builder.addCounter(
        {.name = "memory", .unit = "bytes", .rank = rank, .timesNs = {0, 5}, .values = {1, 2}});
  }
  return std::move(builder).finish();
}

TEST_F(CaracalRecording, aPredictionThatWasWrittenComesBackAsItWas) {
  const auto before = prediction();
  const auto written = recording::writeTrace(*before, path());
  ASSERT_TRUE(written) << written.error().text();
  const auto after = load();
  EXPECT_EQ(after->tag(), trace::Tag::kSimulated);
  EXPECT_EQ(after->metaOr("policy", ""), "heu");
  ASSERT_EQ(after->eventCount(), before->eventCount());
  const auto all = [](const trace::Trace& trace) {
    std::vector<std::string> events;
    for (trace::EventIndex e = 0; e < trace.eventCount(); ++e) {
      const trace::EventArgs a = *trace.args(e);
      events.push_back(fmt::format(
          "{} {} {} [{}, {}) {} step {} mb {} stage {} layer {} pass {} window {} bytes {} {}",
          trackOf(trace, e).rank, trackOf(trace, e).label, trace::name(trace.kind(e)),
          trace.beginNs(e), trace.endNs(e), trace.name(e), a.step, a.microBatch, a.stage, a.layer,
          trace::name(a.pass), a.window, a.bytes, trace::name(a.collective)));
    }
    std::sort(events.begin(), events.end());
    return events;
  };
  EXPECT_EQ(all(*after), all(*before));
  ASSERT_EQ(after->counters().size(), 2u);
  EXPECT_EQ(after->counters()[1].values, before->counters()[1].values);
  EXPECT_TRUE(after->processGroups().empty()) << "one rank stands for its group";
}

TEST_F(CaracalRecording, aPartIsLeftOutWhileItIsRead) {
  auto writer = create();
  for (int32_t step = 0; step < 20; ++step)
    ASSERT_TRUE(writer.append(stepRecords(step, 1000 * step)));
  ASSERT_TRUE(writer.close());
  for (const int64_t fromNs : {30, 5000, 12'025, 19'065}) {
    expectPartOfTheWhole({path()}, {.fromNs = fromNs});
    expectPartOfTheWhole({path()}, {.fromNs = fromNs, .toNs = fromNs + 3000});
  }
  expectCutEarly(path(), {.fromNs = 12'025});
}

}  // namespace
}  // namespace caracal::import
