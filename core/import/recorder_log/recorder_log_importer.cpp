#include "core/import/recorder_log/recorder_log_importer.h"

#include <unistd.h>

#include <atomic>
#include <filesystem>

#include "core/import/nsys/nsys_importer.h"
#include "core/recorder/log_conversion.h"
#include "core/recorder/log_reader.h"

namespace caracal::import::recorder_log {
namespace {

namespace fs = std::filesystem;

// A file of its own in the folder for temporary files, removed with the object.
class TemporaryFile {
 public:
  TemporaryFile() {
    static std::atomic<int> count{0};
    m_path = fs::temp_directory_path() /
             fmt::format("caracal-log-{}-{}.sqlite", ::getpid(), count.fetch_add(1));
  }
  ~TemporaryFile() {
    std::error_code ignored;
    fs::remove(m_path, ignored);
  }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  std::string path() const { return m_path.string(); }

 private:
  fs::path m_path;
};

class RecorderLogImporter final : public Importer {
 public:
  std::string_view format() const override { return "caracal-log"; }

  bool accepts(const std::string&, std::string_view head) const override {
    return recorder::isLogHead(head);
  }

  // A log that has been converted already.
  bool isCompanion(const std::string& path) const override {
    const fs::path file = path;
    std::error_code ignored;
    return file.extension() == recorder::kLogSuffix &&
           fs::exists(fs::path(file).replace_extension(".sqlite"), ignored);
  }

  Result<trace::TraceBuilder> read(const std::string& path, const LoadOptions& options,
                                   std::stop_token stop, const Progress& progress) const override {
    const TemporaryFile converted;
    CARACAL_TRY(conversion, recorder::convertLog(path, converted.path()));
    CARACAL_TRY(builder, m_nsys->read(converted.path(), options, std::move(stop), progress));
    for (uint32_t rank = 0; rank < builder.rankCount(); ++rank) builder.rank(rank).file = path;
    if (!conversion.reachedEnd) {
      builder.report().count(trace::Defect::kTruncatedInput);
      builder.report().count(trace::Defect::kRecoveredBlocks, conversion.frames);
      builder.report().notes.emplace_back(
          "the log of a process that was killed or still runs: it ends with its last flush");
    }
    return std::move(builder);
  }

 private:
  std::unique_ptr<Importer> m_nsys = nsys::makeNsysImporter();
};

}  // namespace

std::unique_ptr<Importer> makeRecorderLogImporter() {
  return std::make_unique<RecorderLogImporter>();
}

}  // namespace caracal::import::recorder_log
