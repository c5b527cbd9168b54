#include "core/recorder/log_conversion.h"

#include <algorithm>
#include <filesystem>
#include <numeric>

#include "core/recorder/log_converter.h"

namespace caracal::recorder {
namespace {

Launch launchOfFacts(const std::map<std::string, std::string>& facts) {
  return launchOf([&](const char* name) -> const char* {
    const auto found = facts.find(std::string("env.") + name);
    return found == facts.end() ? nullptr : found->second.c_str();
  });
}

}  // namespace

int64_t Conversion::lostRecords() const {
  return std::accumulate(lost.begin(), lost.end(), int64_t{0});
}

const char* nameOf(LossReason reason) {
  switch (reason) {
    case LossReason::kCupti:
      return "CUPTI had no room for them";
    case LossReason::kNoBuffer:
      return "all buffers were in use";
    case LossReason::kNvtxQueueFull:
      return "NVTX events came faster than the log was written";
    case LossReason::kNoTime:
      return "CUPTI gave them no time";
    case LossReason::kUnknownLayout:
      return "their layout is of an unknown version of CUPTI";
    case LossReason::kLate:
      return "they completed after the recording had ended";
  }
  return "unknown reason";
}

Result<LogStart> readLogStart(const std::string& path) {
  LogStart start;
  CARACAL_TRY(header, readLogHeader(path));
  start.header = header;
  // Facts stand in front of the first anchor, which ends the reading.
  const auto end = readLog(path, [&](const RecordView& view) -> Result<void> {
    if (const auto* fact = recordAs<FactRecord>(view); fact && view.kind == RecordKind::kFact) {
      const std::string_view text = textAfter(view, sizeof *fact, 0, fact->textBytes);
      const size_t equals = std::min(text.find('='), text.size());
      start.facts[std::string(text.substr(0, equals))] =
          text.substr(std::min(equals + 1, text.size()));
      return {};
    }
    if (const auto* anchor = recordAs<AnchorRecord>(view);
        anchor && view.kind == RecordKind::kAnchor && isClockTime(anchor->timeNs) &&
        isClockTime(anchor->realtimeNs))
      start.clock = SessionClock{anchor->timeNs, anchor->realtimeNs};
    return fail(ErrorCode::kCancelled, "read enough");
  });
  if (!end && end.error().code != ErrorCode::kCancelled) return tl::unexpected(end.error());
  return start;
}

std::map<std::string, SessionClock> sharedClocks(const std::vector<LogStart>& starts) {
  std::map<std::string, SessionClock> clocks;
  for (const LogStart& start : starts) {
    const auto boot = start.facts.find("bootId");
    if (!start.clock || boot == start.facts.end()) continue;
    const auto [found, isNew] = clocks.try_emplace(boot->second, *start.clock);
    if (!isNew && start.clock->zeroNs < found->second.zeroNs) found->second = *start.clock;
  }
  return clocks;
}

void followRealtime(const std::vector<std::string>& paths, const std::vector<LogStart>& starts,
                    std::map<std::string, SessionClock>& clocks) {
  if (clocks.size() < 2) return;
  for (size_t i = 0; i < paths.size(); ++i) {
    const auto boot = starts[i].facts.find("bootId");
    if (boot == starts[i].facts.end() || !clocks.contains(boot->second)) continue;
    std::vector<ClockPoint>& anchors = clocks.at(boot->second).anchors;
    // What can be read counts; damage is reported when the log is converted.
    static_cast<void>(readLog(paths[i], [&](const RecordView& view) -> Result<void> {
      const auto* anchor =
          view.kind == RecordKind::kAnchor ? recordAs<AnchorRecord>(view) : nullptr;
      if (anchor != nullptr && isClockTime(anchor->timeNs) && isClockTime(anchor->realtimeNs))
        anchors.push_back({anchor->timeNs, anchor->realtimeNs});
      return {};
    }));
  }
}

Result<Conversion> convertLog(const std::string& log, const std::string& target,
                              const std::optional<SessionClock>& clock) {
  CARACAL_TRY(start, readLogStart(log));
  if (!start.clock) {
    return fail(ErrorCode::kInvalidInput,
                "{}: the log is empty: its process ended before anything was recorded", log);
  }
  Conversion result{.pid = start.header.pid, .launch = launchOfFacts(start.facts)};
  result.host = start.facts["host"];
  const SessionClock session = clock.value_or(*start.clock);
  const std::string part = target + ".part";
  const auto convert = [&]() -> Result<void> {
    const ClockMap map =
        session.anchors.empty() ? ClockMap(session.zeroNs) : ClockMap(session.anchors);
    CARACAL_TRY(tables, Tables::create(part, result.pid, map));
    CARACAL_CHECK_OK(tables.setMeta("clockFollows", map.followsRealtime() ? "realtime" : "offset"));
    LogConverter converter(tables, start, result);
    CARACAL_TRY(end, readLog(log, [&](const RecordView& view) { return converter.add(view); }));
    CARACAL_CHECK_OK(converter.finish(end, session));
    return tables.close();
  };
  auto converted = convert();
  std::error_code error;
  if (converted) std::filesystem::rename(part, target, error);
  if (converted && !error) return result;
  std::error_code ignored;
  std::filesystem::remove(part, ignored);
  if (!converted) return tl::unexpected(at(converted.error(), log));
  return fail(ErrorCode::kIo, "{}: cannot be named so: {}", target, error.message());
}

}  // namespace caracal::recorder
