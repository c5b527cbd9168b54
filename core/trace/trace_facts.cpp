#include "core/trace/trace_file_layout.h"

namespace caracal::trace::file {
namespace {

using nlohmann::ordered_json;

ordered_json toJson(const Track& t) {
  return {{"kind", static_cast<int>(t.kind)},
          {"rank", t.rank},
          {"device", t.device},
          {"process", t.process},
          {"id", t.id},
          {"label", t.label},
          {"events", t.eventCount}};
}

Track trackOf(const ordered_json& json) {
  return {.kind = static_cast<TrackKind>(json.at("kind").get<uint8_t>()),
          .rank = json.at("rank"),
          .device = json.at("device"),
          .process = json.at("process"),
          .id = json.at("id"),
          .label = json.at("label"),
          .eventCount = json.at("events")};
}

ordered_json toJson(const Rank& r) {
  return {{"rank", r.rank},
          {"device", r.device},
          {"deviceKey", r.deviceKey},
          {"deviceName", r.deviceName},
          {"host", r.host},
          {"file", r.file},
          {"foundBy", r.foundBy},
          {"claimedRank", r.claimedRank},
          {"hostRank", r.hostRank},
          {"stage", r.stage},
          {"tensorIndex", r.tensorIndex},
          {"dataIndex", r.dataIndex},
          {"sourceRecords", r.sourceRecords},
          {"resolutionNs", r.resolutionNs}};
}

Rank rankOf(const ordered_json& json) {
  return {.rank = json.at("rank"),
          .device = json.at("device"),
          .deviceKey = json.at("deviceKey"),
          .deviceName = json.at("deviceName"),
          .host = json.at("host"),
          .file = json.at("file"),
          .foundBy = json.at("foundBy"),
          .claimedRank = json.at("claimedRank"),
          .hostRank = json.at("hostRank"),
          .stage = json.at("stage"),
          .tensorIndex = json.at("tensorIndex"),
          .dataIndex = json.at("dataIndex"),
          .sourceRecords = json.at("sourceRecords"),
          .resolutionNs = json.at("resolutionNs")};
}

ordered_json toJson(const ProcessGroup& g) {
  return {{"name", g.name}, {"description", g.description}, {"ranks", g.ranks}, {"size", g.size}};
}

ProcessGroup groupOf(const ordered_json& json) {
  return {json.at("name"), json.at("description"), json.at("ranks"), json.at("size")};
}

ordered_json toJson(const CounterSeries& s) {
  return {{"name", s.name},
          {"unit", s.unit},
          {"rank", s.rank},
          {"device", s.device},
          {"samples", s.timesNs.size()}};
}

template <class T>
ordered_json listOf(const std::vector<T>& values) {
  ordered_json list = ordered_json::array();
  for (const T& value : values) list.push_back(toJson(value));
  return list;
}

ordered_json toJson(const ImportReport& report) {
  ordered_json counts = ordered_json::object();
  for (size_t d = 0; d < report.counts.size(); ++d) {
    if (report.counts[d] != 0)
      counts[std::string(info(static_cast<Defect>(d)).name)] = report.counts[d];
  }
  return {{"counts", counts}, {"notes", report.notes}};
}

ImportReport reportOf(const ordered_json& json) {
  ImportReport report;
  for (size_t d = 0; d < report.counts.size(); ++d)
    report.counts[d] =
        json.at("counts").value(std::string(info(static_cast<Defect>(d)).name), int64_t{0});
  report.notes = json.at("notes").get<std::vector<std::string>>();
  return report;
}

bool pointsSomewhere(const TraceData& data) {
  const size_t ranks = data.ranks.size();
  for (const Rank& rank : data.ranks) {
    if (rank.hostRank != kNoIndex && rank.hostRank >= ranks) return false;
  }
  for (const Track& track : data.tracks) {
    if (track.rank >= ranks || track.kind > TrackKind::kOther) return false;
  }
  for (const CounterSeries& series : data.counters) {
    if (series.rank >= ranks) return false;
  }
  return true;
}

std::vector<size_t> fill(const ordered_json& facts, TraceData& data) {
  for (const ordered_json& track : facts.at("tracks")) data.tracks.push_back(trackOf(track));
  EventIndex next = 0;
  for (Track& track : data.tracks) {
    track.firstEvent = next;
    next += track.eventCount;
  }
  for (const ordered_json& rank : facts.at("ranks")) data.ranks.push_back(rankOf(rank));
  for (const ordered_json& group : facts.at("groups")) data.groups.push_back(groupOf(group));
  std::vector<size_t> samples;
  for (const ordered_json& series : facts.at("counters")) {
    data.counters.push_back({.name = series.at("name"),
                             .unit = series.at("unit"),
                             .rank = series.at("rank"),
                             .device = series.at("device")});
    samples.push_back(series.at("samples"));
  }
  data.report = reportOf(facts.at("report"));
  data.meta = facts.at("meta").get<std::map<std::string, std::string>>();
  data.tag = tagFromName(facts.at("tag").get<std::string>()).value_or(Tag::kEstimated);
  data.format = facts.at("format");
  data.range = {facts.at("beginNs"), facts.at("endNs")};
  return samples;
}

}  // namespace

ordered_json factsOf(const TraceData& data) {
  return {{"format", data.format},         {"tag", name(data.tag)},
          {"beginNs", data.range.beginNs}, {"endNs", data.range.endNs},
          {"ranks", listOf(data.ranks)},   {"tracks", listOf(data.tracks)},
          {"groups", listOf(data.groups)}, {"counters", listOf(data.counters)},
          {"report", toJson(data.report)}, {"meta", data.meta}};
}

Result<std::vector<size_t>> takeFacts(const ordered_json& facts, TraceData& data) {
  try {
    std::vector<size_t> samples = fill(facts, data);
    if (pointsSomewhere(data)) return samples;
    return fail(ErrorCode::kInvalidInput, "a track or counter belongs to no rank");
  } catch (const nlohmann::json::exception& problem) {
    return fail(ErrorCode::kInvalidInput, "the facts are not those of a trace: {}", problem.what());
  }
}

}  // namespace caracal::trace::file
