#include "core/import/nsys/target_info.h"

#include <algorithm>
#include <cctype>
#include <set>

namespace caracal::import::nsys {
namespace {

using sqlite::Statement;
using trace::Defect;

// Rows of a small table that may be absent; what it lacks is no defect.
template <class OnRow>
Result<void> forEachInfoRow(Reading& reading, const std::string& table,
                            const std::vector<Column>& columns, OnRow&& onRow) {
  CARACAL_TRY(rows, reading.file.select(table, columns, reading.report()));
  if (!rows) return {};
  return forEachRow(reading, table, rows, [&] { onRow(rows); });
}

struct GpuNames {
  std::map<int64_t, std::string> byGpu;                            // TARGET_INFO_GPU.id
  std::map<std::pair<int64_t, int64_t>, int64_t> gpuOfCudaDevice;  // (pid, CUDA ordinal)

  std::string nameOf(int64_t pid, int32_t ordinal) const {
    const auto mapped = gpuOfCudaDevice.find({pid, ordinal});
    const auto gpu = byGpu.find(mapped == gpuOfCudaDevice.end() ? ordinal : mapped->second);
    if (gpu != byGpu.end()) return gpu->second;
    // CUDA_VISIBLE_DEVICES renumbers; where all cards are alike that does not matter.
    std::set<std::string> names;
    for (const auto& [id, name] : byGpu) names.insert(name);
    return names.size() == 1 ? *names.begin() : std::string();
  }
};

Result<GpuNames> readGpuNames(Reading& reading) {
  GpuNames names;
  CARACAL_CHECK_OK(
      forEachInfoRow(reading, "TARGET_INFO_GPU", {{"id"}, {"name"}},
                     [&](const Statement& row) { names.byGpu[row.integer(0)] = row.text(1); }));
  CARACAL_CHECK_OK(
      forEachInfoRow(reading, "TARGET_INFO_CUDA_DEVICE", {{"gpuId"}, {"cudaId"}, {"pid"}},
                     [&](const Statement& row) {
                       names.gpuOfCudaDevice[{row.integer(2), row.integer(1)}] = row.integer(0);
                     }));
  return names;
}

Result<void> nameDevices(Reading& reading) {
  if (reading.tracks.devices().empty()) return {};
  if (!reading.file.has("TARGET_INFO_GPU")) {
    reading.report().count(Defect::kMissingTable);
    reading.report().notes.push_back(fmt::format(
        "no table TARGET_INFO_GPU: the GPUs' names are unknown; {}", reading.file.remedy()));
  }
  CARACAL_TRY(names, readGpuNames(reading));
  for (const auto& [key, rank] : reading.tracks.devices()) {
    reading.builder.rank(rank).deviceName = names.nameOf(pidOf(key.first), key.second);
  }
  return {};
}

Result<void> nameHost(Reading& reading) {
  std::string host;
  CARACAL_CHECK_OK(forEachInfoRow(reading, "TARGET_INFO_SYSTEM_ENV", {{"name"}, {"value"}},
                                  [&](const Statement& row) {
                                    if (row.text(0) == "Hostname") host = row.text(1);
                                  }));
  for (uint32_t r = 0; r < reading.builder.rankCount(); ++r) {
    if (reading.builder.rank(r).host.empty()) reading.builder.rank(r).host = host;
  }
  return {};
}

Result<void> nameThreads(Reading& reading) {
  return forEachInfoRow(reading, "ThreadNames", {{"globalTid"}, {"nameId"}},
                        [&](const Statement& row) {
                          if (!reading.tracks.threads().count(row.integer(0))) return;
                          if (const auto name = reading.strings.find(row.integer(1)))
                            reading.tracks.nameThread(row.integer(0), *name);
                        });
}

bool saysLost(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return lower.find("dropped") != std::string::npos || lower.find("lost") != std::string::npos;
}

Result<void> readDiagnostics(Reading& reading) {
  constexpr int64_t kWarning = 2;  // 1 information, 2 warning, 3 error
  return forEachInfoRow(
      reading, "DIAGNOSTIC_EVENT", {{"severity"}, {"text"}}, [&](const Statement& row) {
        if (row.integer(0) < kWarning) return;
        if (saysLost(row.text(1))) reading.report().count(Defect::kDroppedByRecorder);
        reading.report().notes.push_back("the profiler said: " + std::string(row.text(1)));
      });
}

std::string exportTable(const Reading& reading) {
  return reading.file.has("META_DATA_EXPORT") ? "META_DATA_EXPORT" : "EXPORT_META_DATA";
}

Result<void> readVersions(Reading& reading) {
  return forEachInfoRow(reading, exportTable(reading), {{"name"}, {"value"}},
                        [&](const Statement& row) {
                          if (row.text(0) == "EXPORT_PRODUCT_VERSION")
                            reading.builder.meta()["nsysVersion"] = row.text(1);
                          if (row.text(0) == "EXPORT_SCHEMA_VERSION")
                            reading.builder.meta()["nsysSchema"] = row.text(1);
                        });
}

bool saysNormalized(Reading& reading) {
  bool normalized = false;
  (void)forEachInfoRow(reading, exportTable(reading), {{"name"}, {"value"}},
                       [&](const Statement& row) {
                         if (row.text(0) == "EXPORT_PARAM_TIME_NORMALIZE")
                           normalized = row.text(1) == "true" || row.text(1) == "1";
                       });
  return normalized;
}

std::optional<int64_t> sessionStartNs(Reading& reading) {
  std::optional<int64_t> start;
  (void)forEachInfoRow(
      reading, "TARGET_INFO_SESSION_START_TIME", {{"utcEpochNs"}}, [&](const Statement& row) {
        if (row.type(0) == SQLITE_INTEGER && row.integer(0) > 0 && row.integer(0) < kLatestNs)
          start = row.integer(0);
      });
  return start;
}

}  // namespace

Result<void> readTargetInfo(Reading& reading) {
  CARACAL_CHECK_OK(nameDevices(reading));
  CARACAL_CHECK_OK(nameHost(reading));
  CARACAL_CHECK_OK(nameThreads(reading));
  CARACAL_CHECK_OK(readVersions(reading));
  return readDiagnostics(reading);
}

void alignClock(Reading& reading) {
  // Three years: no session lasts as long, and no clock since 1973 shows less.
  constexpr int64_t kLeastEpochNs = 100'000'000'000'000'000;
  trace::TraceBuilder& builder = reading.builder;
  const Span leftOut = builder.leftOutRange();
  if (builder.eventCount() == 0 && leftOut.beginNs > leftOut.endNs) return;
  // Any event would do, but one that a damaged row has made: most of them decide.
  size_t epochTimes = 0;
  builder.forEachEventOf([](trace::TrackIndex) { return true; },
                         [&](trace::EventIndex, const trace::StagedEvent& event) {
                           epochTimes += event.beginNs >= kLeastEpochNs ? 1 : 0;
                         });
  const bool isEpoch = builder.eventCount() == 0 ? leftOut.beginNs >= kLeastEpochNs
                                                 : epochTimes > builder.eventCount() / 2;
  if (saysNormalized(reading) != isEpoch) {
    builder.report().notes.emplace_back(
        isEpoch ? "times are epoch times although the export does not say so"
                : "times are session times although the export says otherwise");
  }
  const auto start = sessionStartNs(reading);
  const int64_t shift = isEpoch || !start ? 0 : *start;
  builder.shift(shift);
  builder.meta()["timeShiftNs"] = std::to_string(shift);
}

}  // namespace caracal::import::nsys
