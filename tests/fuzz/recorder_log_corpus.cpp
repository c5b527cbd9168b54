// A small log of the recorder with a record of most kinds.
#include "tests/core/recorder/log_text.h"
#include "tests/fuzz/corpus.h"

namespace caracal::fuzz {

std::vector<std::string> corpus() {
  using namespace recorder;
  return {LogText()
              .fact("host=node1")
              .fact("env.RANK=4")
              .anchor(1000, 9000)
              .frame()
              .kernel(3, 4)
              .add(RecordKind::kCopy, CopyRecord{})
              .add(RecordKind::kApiCall, ApiRecord{})
              .range(RecordKind::kRangePush, 5, "a range")
              .range(RecordKind::kMark, 6)
              .range(RecordKind::kRangePop, 7)
              .add(RecordKind::kPayloadSchema, SchemaRecord{}, std::string(64, 'x'))
              .add(RecordKind::kStep, StepRecord{})
              .add(RecordKind::kLoss, LossRecord{})
              .frame(3)
              .text()};
}

}  // namespace caracal::fuzz
