#include "core/import/nsys/nsys_importer.h"

#include <algorithm>
#include <array>
#include <filesystem>

#include "core/import/nsys/caracal_tables.h"
#include "core/import/nsys/gpu_tables.h"
#include "core/import/nsys/host_tables.h"
#include "core/import/nsys/nvtx_table.h"
#include "core/import/nsys/recorder_tables.h"
#include "core/import/nsys/target_info.h"

namespace caracal::import::nsys {
namespace {

using trace::TraceBuilder;

// Every table whose rows become events.
constexpr std::array kEventTables{"CUPTI_ACTIVITY_KIND_KERNEL",
                                  "CUPTI_ACTIVITY_KIND_MEMCPY",
                                  "CUPTI_ACTIVITY_KIND_MEMSET",
                                  "CUPTI_ACTIVITY_KIND_GRAPH_TRACE",
                                  "CUPTI_ACTIVITY_KIND_SYNCHRONIZATION",
                                  "CUPTI_ACTIVITY_KIND_CUDA_EVENT",
                                  "CUPTI_ACTIVITY_KIND_RUNTIME",
                                  "CUPTI_ACTIVITY_KIND_OVERHEAD",
                                  "PROFILER_OVERHEAD",
                                  "NVTX_EVENTS",
                                  "CARACAL_CPU_OP"};

// Tables of operating-system activity that are left alone: large, and no analysis asks for them.
constexpr std::array kPassedOver{"OSRT_API", "SCHED_EVENTS", "COMPOSITE_EVENTS"};

// What every recording holds (docs/recording-format.md), and what is lost without it.
struct RecordingTable {
  const char* name;
  const char* without;
};
constexpr std::array kRecordingTables{
    RecordingTable{"CARACAL_META", "the run's plan, clock and tag are unknown; shown as emulated"},
    RecordingTable{"CARACAL_RANK", "stages and ranks are unknown"},
    RecordingTable{"CARACAL_CPU_OP", "the operators that ran are lost"},
    RecordingTable{"CARACAL_MEMORY", "memory over time is lost"},
    RecordingTable{"CARACAL_STEP", "losses and peaks of the steps are lost"},
    RecordingTable{"NVTX_EVENTS", "the passes of the schedule are lost"}};

std::string fileName(const std::string& path) {
  return std::filesystem::path(path).filename().string();
}

bool endsWith(std::string_view text, std::string_view with) {
  return text.size() >= with.size() && text.substr(text.size() - with.size()) == with;
}

// Who wrote the file.
enum class Source : uint8_t {
  kNsys,      // nsys export
  kRun,       // caracal-run, or a prediction: ranks and operators in tables of their own
  kRecorder,  // caracal record: a process with CUDA activity, as in an export
};

Source sourceOf(const NsysFile& file) {
  if (file.has("CARACAL_PROCESS")) return Source::kRecorder;
  return file.isRecording() ? Source::kRun : Source::kNsys;
}

void countLostTables(Reading& reading) {
  for (const RecordingTable& table : kRecordingTables) {
    if (reading.file.has(table.name)) continue;
    reading.report().count(trace::Defect::kMissingTable);
    reading.report().notes.push_back(fmt::format("the recording has lost its table {}: {}; {}",
                                                 table.name, table.without, reading.file.remedy()));
  }
}

Result<void> checkContent(const NsysFile& file) {
  const bool known =
      sourceOf(file) != Source::kNsys || std::any_of(kEventTables.begin(), kEventTables.end(),
                                                     [&](const char* t) { return file.has(t); });
  if (known) return {};
  return fail(ErrorCode::kInvalidInput,
              "an SQLite file without any table of an Nsight Systems export or a Caracal "
              "recording; make an "
              "export with: nsys export --type sqlite REPORT.nsys-rep");
}

// For progress; 0 where the file is read at once anyway.
int64_t rowsOf(const NsysFile& file, const std::string& path) {
  constexpr uintmax_t kLeastWorthProgress = 4 << 20;
  std::error_code ignored;
  if (std::filesystem::file_size(path, ignored) < kLeastWorthProgress) return 0;
  int64_t rows = 0;
  for (const char* const table : kEventTables) rows += file.lastRow(table);
  return rows;
}

// Lets rows be left out that end before what is asked for.
void cutEarly(const Reading& reading) {
  if (!reading.cut.awaitsBegin()) return;
  std::optional<int64_t> first;
  for (const char* const table : kEventTables) {
    const auto own = reading.file.firstStart(table);
    if (own) first = std::min(first.value_or(*own), *own);
  }
  if (first) reading.cut.runBegins(*first, reading.builder);
}

void notePassedOver(Reading& reading) {
  std::string names;
  for (const char* const table : kPassedOver) {
    if (reading.file.hasRows(table)) names += (names.empty() ? "" : ", ") + std::string(table);
  }
  if (!names.empty())
    reading.report().notes.push_back("not read (operating-system activity): " + names);
}

// Tables of one kind that nobody asked for are not read; their rows are counted as left out.
bool isWanted(Reading& reading, const trace::Selection& selection, const char* table,
              std::initializer_list<trace::EventKind> kinds) {
  const bool wanted = std::any_of(kinds.begin(), kinds.end(),
                                  [&](trace::EventKind kind) { return selection.takesKind(kind); });
  // A span of time counts from the first event of any kind.
  if (wanted || selection.fromNs || selection.toNs) return true;
  reading.report().count(trace::Defect::kLeftOutByRequest, reading.file.rowCount(table));
  return false;
}

Result<void> readTables(Reading& reading, const std::string& path,
                        const trace::Selection& selection) {
  const Source source = sourceOf(reading.file);
  reading.builder.setFormat(source == Source::kNsys ? "nsys" : "caracal");
  cutEarly(reading);
  if (source == Source::kRecorder) CARACAL_CHECK_OK(readRecordingMeta(reading));
  if (source == Source::kRun) {
    countLostTables(reading);
    CARACAL_TRY(ranks, readRecordingHead(reading, path));
    CARACAL_CHECK_OK(readRecordingRows(reading, ranks));
  }
  CARACAL_CHECK_OK(readGpuWork(reading));
  using trace::EventKind;
  if (isWanted(reading, selection, "CUPTI_ACTIVITY_KIND_SYNCHRONIZATION", {EventKind::kSync}))
    CARACAL_CHECK_OK(readSynchronization(reading));
  if (isWanted(reading, selection, "CUPTI_ACTIVITY_KIND_CUDA_EVENT", {EventKind::kCudaEvent}))
    CARACAL_CHECK_OK(readCudaEvents(reading));
  if (source != Source::kRun) CARACAL_CHECK_OK(readApiCalls(reading));
  CARACAL_CHECK_OK(readOverhead(reading));
  // Ranges of Caracal's own domain say which pass, step and layer the other events are of.
  if (source != Source::kNsys || isWanted(reading, selection, "NVTX_EVENTS",
                                          {EventKind::kAnnotation, EventKind::kPass,
                                           EventKind::kInstant, EventKind::kOther})) {
    CARACAL_CHECK_OK(readNvtx(reading));
  }
  CARACAL_CHECK_OK(readTargetInfo(reading));
  notePassedOver(reading);
  if (source == Source::kRecorder) CARACAL_CHECK_OK(readRecordedProcess(reading));
  // The times of a run of caracal-run are on its own clock, which may be virtual.
  if (source != Source::kRun) alignClock(reading);
  return {};
}

// A search that finds nothing returns no rows at which the loops could look at the token. `stop`
// must outlive the file.
void interruptWhenStopped(const NsysFile& file, const std::stop_token& stop) {
  constexpr int kInstructionsBetweenPolls = 100'000;  // about a millisecond
  const auto stopped = [](void* token) {
    return static_cast<const std::stop_token*>(token)->stop_requested() ? 1 : 0;
  };
  sqlite3_progress_handler(file.database().handle(), kInstructionsBetweenPolls, stopped,
                           const_cast<std::stop_token*>(&stop));
}

Result<TraceBuilder> readFile(const std::string& path, const LoadOptions& options,
                              const std::stop_token& stop, const Progress& progress) {
  CARACAL_TRY(file, NsysFile::open(path));
  CARACAL_CHECK_OK(checkContent(file));
  interruptWhenStopped(file, stop);
  TraceBuilder builder;
  CARACAL_TRY(strings, StringIds::open(file, builder.report()));
  TrackDirectory tracks(builder, path);
  RowProgress rows{.progress = progress, .total = rowsOf(file, path)};
  trace::EarlyCut cut = options.earlyCut();
  Reading reading{file, builder, strings, tracks, stop, rows, cut};
  CARACAL_CHECK_OK(readTables(reading, path, options.selection));
  const bool leftOut = builder.report().of(trace::Defect::kLeftOutByRequest) > 0;
  if (builder.eventCount() == 0 && !leftOut) {
    return fail(ErrorCode::kInvalidInput,
                "the file holds no events: none of its tables of GPU work, API calls and NVTX "
                "ranges has a usable row; record again (docs/recording.md)");
  }
  tracks.finish();
  return builder;
}

class NsysImporter final : public Importer {
 public:
  std::string_view format() const override { return "nsys"; }

  bool accepts(const std::string& path, std::string_view head) const override {
    // The name counts too, so that a damaged export is called that and not an unknown format.
    constexpr std::array<std::string_view, 4> kSuffixes{".sqlite", ".sqlite3", ".nsys-rep",
                                                        ".qdrep"};
    if (std::any_of(kSuffixes.begin(), kSuffixes.end(),
                    [&](std::string_view s) { return endsWith(path, s); })) {
      return true;
    }
    return head.substr(0, kMagic.size()) == kMagic && !isProjectHead(head);
  }

  bool isCompanion(const std::string& path) const override {
    constexpr std::array<std::string_view, 3> kSuffixes{"-wal", "-shm", "-journal"};
    return std::any_of(kSuffixes.begin(), kSuffixes.end(), [&](std::string_view suffix) {
      std::error_code ignored;
      return endsWith(path, suffix) &&
             std::filesystem::exists(path.substr(0, path.size() - suffix.size()), ignored);
    });
  }

  Result<TraceBuilder> read(const std::string& path, const LoadOptions& options,
                            std::stop_token stop, const Progress& progress) const override {
    if (endsWith(path, ".nsys-rep") || endsWith(path, ".qdrep")) {
      return fail(
          ErrorCode::kUnsupported,
          "an Nsight Systems report; only Nsight Systems itself can read it. Export it first: "
          "nsys export --type sqlite {}",
          fileName(path));
    }
    return readFile(path, options, stop, progress);
  }

 private:
  static constexpr std::string_view kMagic{"SQLite format 3\0", 16};
};

}  // namespace

std::unique_ptr<Importer> makeNsysImporter() {
  return std::make_unique<NsysImporter>();
}

}  // namespace caracal::import::nsys
