#include "core/import/nsys/caracal_operators.h"

#include "core/recording/recording_schema.h"

namespace caracal::import::nsys {
namespace {

using sqlite::Statement;
using trace::CollectiveKind;
using trace::Defect;
using trace::EventArgs;
using trace::EventKind;
using trace::kNoIndex;
using trace::TrackKind;

enum OperatorColumn {
  kStart,
  kEnd,
  kRank,
  kKind,
  kPass,
  kName,
  kLane,
  kStep,
  kMicroBatch,
  kLayer,
  kWindow,
  kBytes
};

EventKind kindOf(int64_t number) {
  if (number == recording::kKindComm) return EventKind::kComm;
  if (number == recording::kKindCopy) return EventKind::kMemcpy;
  return number == recording::kKindRecompute ? EventKind::kRecompute : EventKind::kCompute;
}

bool startsWith(std::string_view text, std::string_view with) {
  return text.substr(0, with.size()) == with;
}

CollectiveKind collectiveNamed(std::string_view name) {
  if (startsWith(name, "send.")) return CollectiveKind::kSend;
  if (startsWith(name, "recv.")) return CollectiveKind::kRecv;
  if (name.find("rs_") != std::string_view::npos) return CollectiveKind::kReduceScatter;
  for (const std::string_view part : {"ag_", ".ag.", "gather"}) {
    if (name.find(part) != std::string_view::npos) return CollectiveKind::kAllGather;
  }
  return CollectiveKind::kAllReduce;
}

// The rank at the other end of a transfer between stages, or -1: activations go up, gradients down.
int32_t peerOf(const RecordedRanks& ranks, const RecordedRank& rank, std::string_view name) {
  const bool up = name == "send.fwd" || name == "recv.bwd";
  const auto peer =
      ranks.numberAt.find({rank.stage + (up ? 1 : -1), rank.tensorIndex, rank.dataIndex});
  return peer == ranks.numberAt.end() ? -1 : peer->second;
}

// The ranks that take part in the collectives of a lane.
trace::ProcessGroup groupOf(const RecordedRanks& ranks, const RecordedRank& rank,
                            std::string_view lane) {
  const bool tensor = lane == "tp-comm";
  trace::ProcessGroup group;
  group.name = tensor ? fmt::format("tp stage {} replica {}", rank.stage, rank.dataIndex)
                      : fmt::format("dp stage {} tensor {}", rank.stage, rank.tensorIndex);
  group.description = tensor ? "TENSOR_MODEL_PARALLEL_GROUP" : "DATA_PARALLEL_GROUP";
  for (const auto& [number, other] : ranks.byNumber) {
    const bool same = other.stage == rank.stage && (tensor ? other.dataIndex == rank.dataIndex
                                                           : other.tensorIndex == rank.tensorIndex);
    if (same) group.ranks.push_back(number);
  }
  group.size = static_cast<int32_t>(group.ranks.size());
  return group;
}

class OperatorReader {
 public:
  OperatorReader(Reading& reading, const RecordedRanks& ranks)
      : m_reading(reading), m_ranks(ranks), m_names(reading.strings, reading.builder, asStored) {}

  Result<void> read();

 private:
  // One lane of one rank.
  struct Lane {
    trace::TrackIndex track = kNoIndex;
    std::string name;
    uint32_t group = kNoIndex;  // of its collectives; transfers between stages have a peer instead
    int64_t calls = 0;
  };

  void readRow(const Statement& row);
  Lane& laneOf(const RecordedRank& rank, int64_t laneId);
  EventArgs argsOf(const Statement& row, const RecordedRank& rank) const;
  void addCommArgs(EventArgs& args, Lane& lane, const RecordedRank& rank, std::string_view name);

  Reading& m_reading;
  const RecordedRanks& m_ranks;
  IdNames m_names;
  std::map<std::pair<int32_t, int64_t>, Lane> m_lanes;
};

OperatorReader::Lane& OperatorReader::laneOf(const RecordedRank& rank, int64_t laneId) {
  const auto [found, isNew] = m_lanes.try_emplace({rank.number, laneId});
  Lane& lane = found->second;
  if (!isNew) return lane;
  lane.name = m_reading.builder.nameOf(m_names(laneId));
  const TrackKind kind = lane.name == "compute" ? TrackKind::kComputeLane : TrackKind::kCommLane;
  lane.track = m_reading.tracks.lane(rank.index, kind, lane.name);
  if (lane.name == "tp-comm" || lane.name == "dp-comm") {
    // A predicted timeline has one rank for a whole group: nobody to match with.
    const trace::ProcessGroup group = groupOf(m_ranks, rank, lane.name);
    if (group.size > 1) lane.group = m_reading.builder.addGroup(group);
  }
  return lane;
}

EventArgs OperatorReader::argsOf(const Statement& row, const RecordedRank& rank) const {
  EventArgs args;
  const int64_t pass = row.integer(kPass);
  if (pass > 0 && pass <= static_cast<int64_t>(trace::Pass::kOptimizer))
    args.pass = static_cast<trace::Pass>(pass);
  args.stage = rank.stage;
  args.step = static_cast<int32_t>(row.integer(kStep));
  if (!row.isNull(kMicroBatch)) args.microBatch = static_cast<int32_t>(row.integer(kMicroBatch));
  args.layer = static_cast<int32_t>(row.integer(kLayer));
  args.window = static_cast<uint8_t>(row.integer(kWindow));
  if (!row.isNull(kBytes)) args.bytes = row.integer(kBytes);
  return args;
}

void OperatorReader::addCommArgs(EventArgs& args, Lane& lane, const RecordedRank& rank,
                                 std::string_view name) {
  args.collective = collectiveNamed(name);
  if (args.collective == CollectiveKind::kSend || args.collective == CollectiveKind::kRecv) {
    args.peer = peerOf(m_ranks, rank, name);
  }
  if (lane.group == kNoIndex) return;
  // All ranks of a group make the same calls in the same order.
  args.group = lane.group;
  args.sequence = lane.calls++;
}

void OperatorReader::readRow(const Statement& row) {
  trace::TraceBuilder& builder = m_reading.builder;
  const auto rank = m_ranks.byNumber.find(static_cast<int32_t>(row.integer(kRank)));
  if (rank == m_ranks.byNumber.end()) return builder.report().count(Defect::kUnknownRank);
  ++builder.rank(rank->second.index).sourceRecords;
  const auto times = timesOf(row, builder.report());
  if (!times) return;
  Lane& lane = laneOf(rank->second, row.integer(kLane));
  const trace::NameId name = m_names(row.integer(kName));
  const EventKind kind = kindOf(row.integer(kKind));
  EventArgs args = argsOf(row, rank->second);
  // What is left out has its place in the numbers of its lane's calls all the same.
  if (kind == EventKind::kComm) addCommArgs(args, lane, rank->second, builder.nameOf(name));
  if (isLeftOut(m_reading, *times)) return;
  builder.add({.track = lane.track,
               .kind = kind,
               .name = name,
               .beginNs = times->beginNs,
               .durationNs = times->durationNs},
              args);
}

Result<void> OperatorReader::read() {
  const std::string table = "CARACAL_CPU_OP";
  CARACAL_TRY(rows, m_reading.file.select(table,
                                          {{"start"},
                                           {"end"},
                                           {"rank"},
                                           {"kind"},
                                           {"pass"},
                                           {"nameId"},
                                           {"laneId"},
                                           {"step"},
                                           {"microBatch"},
                                           {"layer"},
                                           {"window"},
                                           {"bytes"}},
                                          m_reading.report()));
  if (!rows) return {};
  return forEachRow(m_reading, table, rows, [&] { readRow(rows); });
}

}  // namespace

Result<void> readOperators(Reading& reading, const RecordedRanks& ranks) {
  return OperatorReader(reading, ranks).read();
}

}  // namespace caracal::import::nsys
