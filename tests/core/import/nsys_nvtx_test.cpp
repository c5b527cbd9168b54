#include <gmock/gmock.h>

#include "core/import/nsys/caracal_labels.h"
#include "core/import/nsys/id_names.h"
#include "core/import/nsys/nvtx_table.h"
#include "tests/core/import/nsys_fixture.h"

namespace caracal::import {
namespace {

using nsys::CaracalLabel;
using testing::ElementsAre;
using testing::IsEmpty;
using trace::CollectiveKind;
using trace::Defect;
using trace::EventKind;
using trace::Pass;

class NsysNvtx : public NsysTest {
 protected:
  void SetUp() override { createTables(); }
  // start, "end", eventType, text, tid, textId, domainId
  void row(const std::string& start, const std::string& end, int type, const std::string& text,
           int tid = 11, const std::string& textId = "NULL", int domain = 0) const {
    sql(fmt::format(
        "INSERT INTO NVTX_EVENTS (start, \"end\", eventType, text, globalTid, textId, domainId) "
        "VALUES ({}, {}, {}, {}, {}, {}, {});",
        start, end, type, text, globalTid(10, tid), textId, domain));
  }
};

TEST_F(NsysNvtx, rangesAndMarksLieOnTheirThread) {
  row("10", "20", 59, "'forward'");
  row("12", "NULL", 34, "'checkpoint'");
  const auto trace = load();
  EXPECT_THAT(eventsOf(*trace, EventKind::kAnnotation), ElementsAre("forward [10, 20) thread 11"));
  EXPECT_THAT(eventsOf(*trace, EventKind::kInstant), ElementsAre("checkpoint [12, 12) thread 11"));
  EXPECT_EQ(trace->report().of(Defect::kMissingDuration), 0);
}

TEST_F(NsysNvtx, registeredStringsAreLookedUp) {
  row("10", "20", 59, "NULL", 11, "1");
  EXPECT_THAT(eventsOf(*load(), EventKind::kAnnotation), ElementsAre("gemm [10, 20) thread 11"));
}

TEST_F(NsysNvtx, startEndRangesNeedNotNestAndGetALane) {
  row("10", "20", 59, "'nested'");
  row("15", "30", 60, "'asynchronous'");
  EXPECT_THAT(
      eventsOf(*load(), EventKind::kAnnotation),
      ElementsAre("nested [10, 20) thread 11", "asynchronous [15, 30) thread 11 start/end ranges"));
}

TEST_F(NsysNvtx, domainsGetALaneWithTheirName) {
  row("10", "20", 59, "'sum'", 11, "NULL", 4);
  row("0", "NULL", 75, "'CCCL'", 11, "NULL", 4);  // after the range it names
  EXPECT_THAT(eventsOf(*load(), EventKind::kAnnotation),
              ElementsAre("sum [10, 20) thread 11 [CCCL]"));
}

TEST_F(NsysNvtx, aNamelessDomainOfNcclCallsIsRecognised) {
  row("10", "20", 59, "'ncclAllReduce'", 11, "NULL", 1);
  row("20", "30", 59, "'ncclGroupEnd'", 11, "NULL", 1);
  row("30", "40", 59, "'other'", 12, "NULL", 2);
  const auto trace = load();
  EXPECT_THAT(
      eventsOf(*trace, EventKind::kAnnotation),
      ElementsAre("ncclAllReduce [10, 20) thread 11 [NCCL]",
                  "ncclGroupEnd [20, 30) thread 11 [NCCL]", "other [30, 40) thread 12 [domain 2]"));
  EXPECT_EQ(trace->args(eventNamed(*trace, "ncclAllReduce"))->collective,
            CollectiveKind::kAllReduce);
  EXPECT_FALSE(trace->hasArgs(eventNamed(*trace, "ncclGroupEnd")));
}

TEST_F(NsysNvtx, aRangeStillOpenEndsWithTheTraceAndIsCounted) {
  row("10", "NULL", 59, "'open'");
  row("20", "50", 59, "'last'");
  const auto trace = load();
  EXPECT_THAT(eventsOf(*trace, EventKind::kAnnotation),
              ElementsAre("open [10, 50) thread 11", "last [20, 50) thread 11"));
  EXPECT_EQ(trace->report().of(Defect::kOpenRange), 1);
  EXPECT_EQ(trace->names()[trace->args(eventNamed(*trace, "open"))->detail],
            "still open when recording stopped");
}

TEST_F(NsysNvtx, categoriesAndThreadNamesAreNoEvents) {
  row("0", "NULL", 33, "'category'");
  row("0", "NULL", 39, "'main loop'");
  row("10", "20", 59, "'forward'");
  const auto trace = load();
  EXPECT_EQ(trace->eventCount(), 1u);
  EXPECT_THAT(eventsOf(*trace, EventKind::kAnnotation),
              ElementsAre("forward [10, 20) thread 11 (main loop)"));
}

TEST_F(NsysNvtx, rangesOfPyTorchAreNamedByTheirOperator) {
  row("10", "20", 59, "'aten::mm, seq = 45328, op_id = 990724, sizes = [[2, 3], [3, 4]]'");
  row("20", "30", 59, "'step 3, loss 0.1'");
  const auto trace = load();
  EXPECT_THAT(eventsOf(*trace, EventKind::kAnnotation),
              ElementsAre("aten::mm [10, 20) thread 11", "step 3, loss 0.1 [20, 30) thread 11"));
  EXPECT_TRUE(anyNoteContains(*trace, "op_id"));
}

TEST_F(NsysNvtx, theCaracalDomainBecomesStepsAndPasses) {
  row("0", "NULL", 75, "'caracal'", 11, "NULL", 3);
  row("100", "200", 59, "'F:2:1'", 11, "NULL", 3);
  row("300", "400", 59, "'B:2:1'", 11, "NULL", 3);
  row("110", "120", 59, "'layer:5'", 11, "NULL", 3);
  row("900", "910", 59, "'F:x:1'", 11, "NULL", 3);
  row("50", "250", 59, "'step:7'", 11, "NULL", 3);  // after what it encloses
  row("250", "500", 59, "'step:8'", 11, "NULL", 3);
  const auto trace = load();
  EXPECT_THAT(eventsOf(*trace, EventKind::kPass),
              ElementsAre("F [100, 200) passes", "B [300, 400) passes"));
  const auto forward = trace->args(eventNamed(*trace, "F"));
  EXPECT_EQ(forward->pass, Pass::kForward);
  EXPECT_EQ(forward->microBatch, 2);
  EXPECT_EQ(forward->stage, 1);
  EXPECT_EQ(forward->step, 7);
  EXPECT_EQ(trace->args(eventNamed(*trace, "B"))->step, 8);
  EXPECT_EQ(trace->args(eventNamed(*trace, "layer:5"))->layer, 5);
  EXPECT_EQ(trace->args(eventNamed(*trace, "layer:5"))->step, 7);
  EXPECT_EQ(trackOf(*trace, eventNamed(*trace, "step:7")).label, "steps");
  EXPECT_EQ(trackOf(*trace, eventNamed(*trace, "step:7")).kind, trace::TrackKind::kOther);
  EXPECT_EQ(trace->args(eventNamed(*trace, "step:7"))->step, 7);
  EXPECT_EQ(trackOf(*trace, eventNamed(*trace, "F:x:1")).label, "thread 11");
  EXPECT_FALSE(trace->hasArgs(eventNamed(*trace, "F:x:1")));
}

TEST(NsysLabels, caracalLabelsAreReadWholeOrNotAtAll) {
  using Role = CaracalLabel::Role;
  EXPECT_EQ(nsys::parseCaracalLabel("step:12"), (CaracalLabel{Role::kStep, Pass::kNone, 12, -1}));
  EXPECT_EQ(nsys::parseCaracalLabel("W:3:0"), (CaracalLabel{Role::kPass, Pass::kWeight, 3, 0}));
  EXPECT_EQ(nsys::parseCaracalLabel("B:3:0:1"),
            (CaracalLabel{Role::kPass, Pass::kBackward, 3, 0, 1}));
  EXPECT_EQ(nsys::parseCaracalLabel("layer:-1"), (CaracalLabel{Role::kLayer, Pass::kNone, -1, -1}));
  for (const char* const text : {"", "step", "step:", "step:1x", "F:1", "F:1:", "F::1", "Q:1:2",
                                 "op:qkv", "F:1:2:", "F:1:2:3:4"}) {
    EXPECT_EQ(nsys::parseCaracalLabel(text), CaracalLabel{}) << text;
  }
}

TEST(NsysLabels, ncclStatesTheSizeOfItsMessages) {
  EXPECT_EQ(nsys::messageBytesOf(R"({"NCCL communicator ID":43981,"Message size [bytes]":4096})"),
            4096);
  EXPECT_EQ(nsys::messageBytesOf(R"({"Message size [bytes]": 17, "Reduction operation": 0})"), 17);
  EXPECT_EQ(nsys::messageBytesOf(R"({"NCCL communicator ID":1})"), -1);
  EXPECT_EQ(nsys::messageBytesOf(R"({"Message size [bytes]":)"), -1);
  EXPECT_EQ(nsys::messageBytesOf(""), -1);
}

TEST(NsysLabels, onlyPyTorchsOwnFieldsAreCutOff) {
  EXPECT_EQ(nsys::operatorOfLabel("aten::mm, op_id = 1"), "aten::mm");
  EXPECT_EQ(nsys::operatorOfLabel("AddmmBackward0, seq = 4, op_id = 9"), "AddmmBackward0");
  EXPECT_EQ(nsys::operatorOfLabel("ncclNetIsend(): Data_Size: 1, Rank: 0"),
            "ncclNetIsend(): Data_Size: 1, Rank: 0");
  EXPECT_EQ(nsys::operatorOfLabel(", op_id = 1"), ", op_id = 1");
  EXPECT_EQ(nsys::operatorOfLabel("plain"), "plain");
}

TEST(NsysLabels, apiVersionsAreStripped) {
  EXPECT_EQ(nsys::withoutApiVersion("cudaLaunchKernel_v7000"), "cudaLaunchKernel");
  EXPECT_EQ(nsys::withoutApiVersion("cudaLaunchKernelExC_ptsz_v11060"), "cudaLaunchKernelExC");
  EXPECT_EQ(nsys::withoutApiVersion("cuMemAlloc_v2"), "cuMemAlloc");
  EXPECT_EQ(nsys::withoutApiVersion("cuLaunchKernelEx"), "cuLaunchKernelEx");
  EXPECT_EQ(nsys::withoutApiVersion("cublasGemm3"), "cublasGemm3");
  EXPECT_EQ(nsys::withoutApiVersion("_v2"), "_v2");
  EXPECT_EQ(nsys::withoutApiVersion(""), "");
}

}  // namespace
}  // namespace caracal::import
