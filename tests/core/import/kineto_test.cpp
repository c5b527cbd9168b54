// Kineto files written here line by line, so that each rule of the format has its example.
#include <gtest/gtest.h>

#include "core/import/importer.h"
#include "tests/core/import/test_files.h"

namespace caracal::import {
namespace {

using trace::Defect;
using trace::EventIndex;
using trace::EventKind;
using trace::Trace;

class KinetoFile : public testing::Test {
 protected:
  std::shared_ptr<const Trace> load(const std::string& text,
                                    const std::string& name = "trace.json") {
    const auto loaded = loadTraces({folder.write(name, text)});
    if (!loaded) {
      ADD_FAILURE() << loaded.error().text();
      return std::move(trace::TraceBuilder{}).finish();
    }
    return loaded->trace;
  }
  std::string refusal(const std::string& text) {
    const auto loaded = loadTraces({folder.write("refused.json", text)});
    return loaded ? "loaded" : loaded.error().text();
  }
  static EventIndex find(const Trace& trace, std::string_view name) {
    for (EventIndex e = 0; e < trace.eventCount(); ++e) {
      if (trace.name(e) == name) return e;
    }
    ADD_FAILURE() << "no event " << name;
    return 0;
  }
  const TemporaryFolder folder;
};

// With record_shapes: 8192 x 1536 halves, 32 matrices of 2048 x 64 floats behind the added one.
TEST_F(KinetoFile, matrixProductsSayHowMuchTheyMake) {
  const auto trace = load(R"json({"traceEvents": [
      {"ph":"X","cat":"cpu_op","name":"aten::mm","pid":1,"tid":1,"ts":1,"dur":5,
       "args":{"Input type":["c10::Half","c10::Half"],"Input Dims":[[8192,4096],[4096,1536]]}},
      {"ph":"X","cat":"cpu_op","name":"aten::baddbmm","pid":1,"tid":1,"ts":11,"dur":5,
       "args":{"Input Dims":[[32,2048,64],[32,2048,2048],[32,2048,64],[],[]],
               "Input type":["float","float","float","Scalar","Scalar"]}},
      {"ph":"X","cat":"cpu_op","name":"aten::bmm","pid":1,"tid":1,"ts":21,"dur":5,
       "args":{"Input Dims":[[32,2048],[2048,64]],"Input type":["float","float"]}},
      {"ph":"X","cat":"cpu_op","name":"aten::addmm","pid":1,"tid":1,"ts":31,"dur":5,"args":{"External id":7}}
    ]})json");
  const auto bytes = [&](std::string_view name) {
    return trace->args(find(*trace, name)).value_or(trace::EventArgs{}).bytes;
  };
  EXPECT_EQ(bytes("aten::mm"), int64_t{8192} * 1536 * 2);
  EXPECT_EQ(bytes("aten::baddbmm"), int64_t{32} * 2048 * 64 * 4);
  // Shapes that are none of a product, or were not recorded.
  EXPECT_EQ(bytes("aten::bmm"), -1);
  EXPECT_EQ(bytes("aten::addmm"), -1);
}

TEST_F(KinetoFile, aLaunchAKernelAndItsOperatorAreWhatTheySay) {
  const auto trace = load(R"json({
    "deviceProperties": [{"id": 3, "name": "NVIDIA H100"}],
    "traceEvents": [
      {"ph":"X","cat":"cpu_op","name":"aten::mm","pid":100,"tid":101,"ts":10.000,"dur":5.5,"args":{"External id":7}},
      {"ph":"X","cat":"cuda_runtime","name":"cudaLaunchKernel","pid":100,"tid":101,"ts":11,"dur":2,"args":{"correlation":42}},
      {"ph":"X","cat":"kernel","name":"gemm","pid":3,"tid":9,"ts":14.001,"dur":2.25,
       "args":{"device":3,"stream":9,"correlation":42,"grid":[12,1,1],"block":[256,1,1],"registers per thread":40}},
      {"ph":"M","name":"thread_name","pid":3,"tid":9,"args":{"name":"stream 9 "}},
      {"ph":"M","name":"thread_name","pid":100,"tid":101,"args":{"name":"thread 101 (python)"}}
    ],
    "baseTimeNanoseconds": 1000000000000000000,
    "distributedInfo": {"rank": 5, "world_size": 8}
  })json");
  const EventIndex kernel = find(*trace, "gemm");
  EXPECT_EQ(trace->beginNs(kernel), 1000000000000014001);
  EXPECT_EQ(trace->durationNs(kernel), 2250);
  EXPECT_EQ(trace->kind(kernel), EventKind::kKernel);
  EXPECT_EQ(trace->launch(kernel), find(*trace, "cudaLaunchKernel"));
  EXPECT_EQ(trace->names()[trace->args(kernel)->detail],
            "grid 12x1x1, block 256x1x1, 40 registers");
  EXPECT_EQ(trace->tracks()[trace->trackOf(kernel)].label, "stream 9");
  EXPECT_EQ(trace->tracks()[trace->trackOf(find(*trace, "aten::mm"))].label, "thread 101 (python)");
  const trace::Rank& rank = trace->ranks()[0];
  EXPECT_EQ(rank.rank, 5);
  EXPECT_EQ(rank.deviceKey, "3");
  EXPECT_EQ(rank.deviceName, "NVIDIA H100");
  EXPECT_EQ(rank.sourceRecords, 5);
  EXPECT_EQ(rank.resolutionNs, 1);
  EXPECT_EQ(trace->metaOr("worldSize", ""), "8");
}

TEST_F(KinetoFile, rowsAreToldApartByCategoryNotByPid) {
  // In a container the process id can be 0, as the device; and Triton's host rows carry a stream.
  const auto trace = load(R"json([
    {"ph":"X","cat":"cpu_op","name":"host","pid":0,"tid":7,"ts":1,"dur":1,"args":{"stream":7}},
    {"ph":"X","cat":"kernel","name":"device","pid":0,"tid":7,"ts":1,"dur":1,"args":{"device":0,"stream":7}},
    {"ph":"X","cat":"Kernel","name":"device 2021","pid":0,"tid":"stream 7","ts":5,"dur":1,"args":{}},
    {"ph":"X","cat":"kernel","name":"no stream","pid":0,"tid":7,"ts":8,"dur":1,"args":{"stream":4294967295}}
  ])json");
  EXPECT_NE(trace->trackOf(find(*trace, "host")), trace->trackOf(find(*trace, "device")));
  EXPECT_EQ(trace->trackOf(find(*trace, "device 2021")), trace->trackOf(find(*trace, "device")));
  EXPECT_EQ(trace->trackOf(find(*trace, "no stream")), trace->trackOf(find(*trace, "device")));
  EXPECT_EQ(trace->tracks()[trace->trackOf(find(*trace, "host"))].kind,
            trace::TrackKind::kCpuThread);
  EXPECT_EQ(trace->ranks()[0].resolutionNs, 1000);
}

TEST_F(KinetoFile, collectivesCarryKindBytesGroupAndSequence) {
  const auto trace = load(R"json({"traceEvents": [
    {"ph":"X","cat":"kernel","name":"ncclDevKernel_AllGather_RING_LL","pid":0,"tid":20,"ts":1,"dur":5,
     "args":{"device":0,"stream":20,"External id":9,"Collective name":"_allgather_base","In msg nelems":1000,
     "dtype":"BFloat16","Group size":2,"Process Group Name":"13","Process Group Description":"TENSOR_MODEL_PARALLEL_GROUP",
     "Process Group Ranks":"[4, 5]","Seq":17}},
    {"ph":"X","cat":"kernel","name":"ncclDevKernel_SendRecv","pid":0,"tid":21,"ts":9,"dur":5,
     "args":{"device":0,"stream":21,"Collective name":"send","In msg nelems":3,"dtype":"Float","Dst Rank":6}}
    ], "distributedInfo": {"rank":4,"pg_config":[{"pg_name":"0","pg_desc":"default_pg","pg_size":8,"ranks":"[0, 1, 2, 3, 4, 5, 6, 7]"},
                                                {"pg_name":"13","pg_desc":"TENSOR_MODEL_PARALLEL_GROUP","pg_size":2,"ranks":[4,5]}]}})json");
  const trace::EventArgs gather = *trace->args(find(*trace, "ncclDevKernel_AllGather_RING_LL"));
  EXPECT_EQ(gather.collective, trace::CollectiveKind::kAllGather);
  EXPECT_EQ(gather.bytes, 2000);
  EXPECT_EQ(gather.sequence, 17);
  EXPECT_EQ(gather.externalId, 9u);
  EXPECT_EQ(trace->names()[gather.dtype], "BFloat16");
  const trace::ProcessGroup& group = trace->processGroups()[gather.group];
  EXPECT_EQ(group.description, "TENSOR_MODEL_PARALLEL_GROUP");
  EXPECT_EQ(group.ranks, (std::vector<int32_t>{4, 5}));
  ASSERT_EQ(trace->processGroups().size(), 2u);
  const trace::EventArgs send = *trace->args(find(*trace, "ncclDevKernel_SendRecv"));
  EXPECT_EQ(send.collective, trace::CollectiveKind::kSend);
  EXPECT_EQ(send.peer, 6);
}

TEST_F(KinetoFile, kernelsWithoutMetadataTakeThatOfTheOperatorThatLaunchedThem) {
  const auto trace = load(R"json([
    {"ph":"X","cat":"cpu_op","name":"record_param_comms","pid":9,"tid":9,"ts":1,"dur":2,
     "args":{"External id":77,"Collective name":"allreduce","In msg nelems":10,"dtype":"Float"}},
    {"ph":"X","cat":"kernel","name":"ncclDevKernel_Generic","pid":0,"tid":4,"ts":5,"dur":5,"args":{"External id":77,"device":0,"stream":4}}
  ])json");
  const trace::EventArgs args = *trace->args(find(*trace, "ncclDevKernel_Generic"));
  EXPECT_EQ(args.collective, trace::CollectiveKind::kAllReduce);
  EXPECT_EQ(args.bytes, 40);
}

TEST_F(KinetoFile, launchFlowsLinkKernelsThatHaveNoCorrelation) {
  const auto trace = load(R"json([
    {"ph":"X","cat":"cuda_runtime","name":"hipLaunchKernel","pid":9,"tid":9,"ts":1,"dur":2,"args":{}},
    {"ph":"s","cat":"ac2g","name":"ac2g","id":5,"pid":9,"tid":9,"ts":1},
    {"ph":"f","cat":"ac2g","name":"ac2g","id":5,"pid":0,"tid":4,"ts":6,"bp":"e"},
    {"ph":"X","cat":"kernel","name":"k","pid":0,"tid":4,"ts":6,"dur":5,"args":{"device":0,"stream":4}},
    {"ph":"X","cat":"kernel","name":"other","pid":0,"tid":4,"ts":16,"dur":5,"args":{"device":0,"stream":4}}
  ])json");
  EXPECT_EQ(trace->launch(find(*trace, "k")), find(*trace, "hipLaunchKernel"));
  EXPECT_EQ(trace->launch(find(*trace, "other")), trace::kNoIndex);
  EXPECT_EQ(trace->report().of(Defect::kGpuWorkWithoutLaunch), 1);
}

TEST_F(KinetoFile, timesThatWereNeverTakenAreDroppedAndCounted) {
  const std::string begin = R"json([
    {"ph":"X","cat":"kernel","name":"lost","pid":0,"tid":4,"ts":0,"dur":5,"args":{"device":0,"stream":4}},
    {"ph":"X","cat":"kernel","name":"k","pid":0,"tid":4,"ts":)json";
  const std::string end = R"json(,"dur":5,"args":{"device":0,"stream":4}}])json";
  const auto trace = load(begin + "6322354308961.125" + end);
  EXPECT_EQ(trace->eventCount(), 1u);
  EXPECT_EQ(trace->name(0), "k");
  EXPECT_EQ(trace->report().of(Defect::kMissingTimestamp), 1);
  // A trace whose clock begins with it has a first event at 0.
  const auto fromZero = load(begin + "9000.5" + end, "other.json");
  EXPECT_EQ(fromZero->eventCount(), 2u);
  EXPECT_EQ(fromZero->report().of(Defect::kMissingTimestamp), 0);
}

TEST_F(KinetoFile, workThatBeginsBeforeItsLaunchIsKeptAndSaid) {
  const auto trace = load(R"json([
    {"ph":"X","cat":"cuda_runtime","name":"launch","pid":9,"tid":9,"ts":20,"dur":2,"args":{"correlation":1}},
    {"ph":"X","cat":"kernel","name":"k","pid":0,"tid":4,"ts":16.5,"dur":5,"args":{"device":0,"stream":4,"correlation":1}}
  ])json");
  EXPECT_EQ(trace->launch(find(*trace, "k")), find(*trace, "launch"));
  ASSERT_EQ(trace->report().notes.size(), 1u);
  const std::string& note = trace->report().notes.front();
  EXPECT_NE(note.find("trace.json: 1 pieces of GPU work begin before the call"), std::string::npos)
      << note;
  EXPECT_NE(note.find("3.50 us"), std::string::npos) << note;
}

TEST_F(KinetoFile, forwardAndBackwardOperatorsAreJoinedByFlows) {
  const auto trace = load(R"json([
    {"ph":"X","cat":"cpu_op","name":"outer","pid":1,"tid":1,"ts":1,"dur":20,"args":{}},
    {"ph":"X","cat":"cpu_op","name":"forward","pid":1,"tid":1,"ts":5,"dur":4,"args":{}},
    {"ph":"X","cat":"cpu_op","name":"backward","pid":1,"tid":2,"ts":50,"dur":4,"args":{}},
    {"ph":"s","cat":"fwdbwd","id":1,"pid":1,"tid":1,"ts":5},
    {"ph":"f","cat":"fwdbwd","id":1,"pid":1,"tid":2,"ts":50,"bp":"e"}
  ])json");
  ASSERT_EQ(trace->flows().size(), 1u);
  EXPECT_EQ(trace->flows()[0].from, find(*trace, "forward"));
  EXPECT_EQ(trace->flows()[0].to, find(*trace, "backward"));
  EXPECT_EQ(trace->flows()[0].kind, trace::FlowKind::kForwardBackward);
}

TEST_F(KinetoFile, memoryInstantsBecomeCountersInTimeOrder) {
  const auto trace = load(R"json({"traceEvents":[
    {"ph":"i","cat":"cpu_instant_event","name":"[memory]","pid":1,"tid":1,"ts":9,"args":{"Device Type":1,"Device Id":2,"Bytes":5,"Total Allocated":300,"Total Reserved":900}},
    {"ph":"i","cat":"cpu_instant_event","name":"[memory]","pid":1,"tid":1,"ts":4,"args":{"Device Type":1,"Device Id":2,"Bytes":5,"Total Allocated":200,"Total Reserved":800}},
    {"ph":"C","name":"queue","pid":1,"ts":5,"args":{"depth":2.6}},
    {"ph":"X","cat":"cpu_op","name":"op","pid":1,"tid":1,"ts":1,"dur":1}
    ],"baseTimeNanoseconds":1000})json");
  ASSERT_EQ(trace->counters().size(), 3u);
  const trace::CounterSeries& queue = trace->counters()[0];
  EXPECT_EQ(queue.name, "queue");
  EXPECT_EQ(queue.values, std::vector<int64_t>{3});
  const trace::CounterSeries& allocated = trace->counters()[1];
  EXPECT_EQ(allocated.name, "memory.allocated");
  EXPECT_EQ(allocated.unit, "bytes");
  EXPECT_EQ(allocated.device, 2);
  EXPECT_EQ(allocated.timesNs, (std::vector<int64_t>{5000, 10000}));
  EXPECT_EQ(allocated.values, (std::vector<int64_t>{200, 300}));
}

TEST_F(KinetoFile, beginsAndEndsPairInnermostFirstAndOpenOnesAreClosed) {
  const auto trace = load(R"json([
    {"ph":"B","name":"a","pid":1,"tid":1,"ts":1}, {"ph":"B","name":"a","pid":1,"tid":1,"ts":2},
    {"ph":"E","name":"a","pid":1,"tid":1,"ts":3}, {"ph":"E","name":"a","pid":1,"tid":1,"ts":8},
    {"ph":"B","name":"open","pid":1,"tid":1,"ts":9}, {"ph":"E","name":"never","pid":1,"tid":1,"ts":10}
  ])json");
  ASSERT_EQ(trace->eventCount(), 3u);
  EXPECT_EQ(trace->span(0), (Span{1000, 8000}));
  EXPECT_EQ(trace->span(1), (Span{2000, 3000}));
  EXPECT_EQ(trace->span(2), (Span{9000, 10000}));
  EXPECT_EQ(trace->report().of(Defect::kUnmatchedBegin), 1);
  EXPECT_EQ(trace->report().of(Defect::kUnmatchedEnd), 1);
}

TEST_F(KinetoFile, profilerStepsCarryTheirNumber) {
  const auto trace = load(
      R"json([{"ph":"X","cat":"user_annotation","name":"ProfilerStep#12","pid":1,"tid":1,"ts":1,"dur":1}])json");
  EXPECT_EQ(trace->args(0)->step, 12);
}

TEST_F(KinetoFile, aBadEventDoesNotHurtItsNeighbours) {
  const auto trace = load(
      "{\"traceEvents\":[{\"ph\":\"X\",\"cat\":\"cpu_op\",\"name\":\"a\",\"ts\":1,\"dur\":1},"
      "{\"ph\":\"X\" \"broken\"},"
      "{\"ph\":\"X\",\"cat\":\"cpu_op\",\"name\":\"b\x01\xFF\",\"ts\":1,\"dur\":NaN},"
      "{\"ph\":\"X\",\"cat\":\"cpu_op\",\"name\":\"c\",\"ts\":1e30,\"dur\":1},"
      "{\"ph\":\"X\",\"cat\":\"cpu_op\",\"name\":\"d\",\"ts\":1,\"dur\":1}]}");
  EXPECT_EQ(trace->eventCount(), 3u);
  find(*trace, "a");
  find(*trace, "b \xEF\xBF\xBD");
  find(*trace, "d");
  EXPECT_EQ(trace->report().of(Defect::kUnreadableEvent), 1);
  EXPECT_EQ(trace->report().of(Defect::kRepairedText), 1);
  EXPECT_EQ(trace->report().of(Defect::kNonFiniteNumber), 1);
  EXPECT_EQ(trace->report().of(Defect::kMissingTimestamp), 1);
  EXPECT_EQ(trace->ranks()[0].sourceRecords, 5);
}

TEST_F(KinetoFile, whatIsNoTraceIsRefusedWithThePlace) {
  EXPECT_NE(refusal("{\"a\": 1, b}").find("byte 9: this is not JSON: expected a key in quotes"),
            std::string::npos);
  EXPECT_NE(refusal("{\"a\" 1}").find("expected ':'"), std::string::npos);
  EXPECT_NE(refusal("{\"traceEvents\": 3}").find("no \"traceEvents\" array"), std::string::npos);
  EXPECT_NE(refusal("{\"schemaVersion\": 1, \"tr").find("ends before its events begin"),
            std::string::npos);
  EXPECT_NE(refusal("[null, 3").find("no event"), std::string::npos);
  EXPECT_NE(refusal("hello").find("not a trace that Caracal can read"), std::string::npos);
}

TEST_F(KinetoFile, everyCutOfAFileIsToldOrRefusedAndNeverCrashes) {
  const std::string whole = R"json({"schemaVersion": 1, "traceEvents": [
    {"ph":"X","cat":"cpu_op","name":"\u00e9 \"x\"","pid":1,"tid":1,"ts":1.5,"dur":1,"args":{"a":[1,{"b":2}]}},
    {"ph":"X","cat":"kernel","name":"k","pid":0,"tid":7,"ts":2,"dur":1,"args":{"device":0}}
  ], "distributedInfo": {"rank": 3}})json";
  for (size_t size = 0; size < whole.size(); ++size) {
    const auto loaded = loadTraces({folder.write("cut.json", whole.substr(0, size))});
    if (!loaded) {
      EXPECT_FALSE(loaded.error().message.empty());
      continue;
    }
    const auto& report = loaded->trace->report();
    EXPECT_EQ(report.of(Defect::kTruncatedInput) + report.of(Defect::kMissingCloseBracket), 1)
        << size;
  }
}

}  // namespace
}  // namespace caracal::import
