#include "core/recording/recording.h"

#include <unistd.h>

#include <chrono>
#include <cmath>
#include <filesystem>
#include <unordered_map>

#include "core/recording/recording_schema.h"
#include "core/sqlite/sqlite.h"

namespace caracal::recording {
namespace {

using sqlite::Database;
using sqlite::Statement;

int64_t nowNs() {
  const auto sinceEpoch = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::nanoseconds>(sinceEpoch).count();
}

int64_t kindNumber(trace::EventKind kind) {
  if (kind == trace::EventKind::kRecompute) return kKindRecompute;
  if (kind == trace::EventKind::kComm) return kKindComm;
  if (kind == trace::EventKind::kMemcpy) return kKindCopy;
  return kKindCompute;
}

// Ranks are threads of the recording process; a thread number that no reader has to look up.
int64_t threadOf(int32_t rank) {
  return globalTid(getpid(), static_cast<int64_t>(rank) + 1);
}

Result<void> removeOldFiles(const std::string& path) {
  for (const char* const suffix : {"", "-wal", "-shm", "-journal"}) {
    std::error_code error;
    std::filesystem::remove(path + suffix, error);
    if (error) {
      return fail(ErrorCode::kIo,
                  "the old recording cannot be replaced: {}; choose another file name",
                  error.message());
    }
  }
  return {};
}

}  // namespace

std::string passLabel(trace::Pass pass, int32_t microBatch, int32_t stage, int32_t chunk) {
  std::string label = fmt::format("{}:{}:{}", trace::name(pass), microBatch, stage);
  if (chunk > 0) label += fmt::format(":{}", chunk);
  return label;
}

struct RecordingWriter::Impl {
  Database database;
  std::string path;
  Statement insertOperator, insertRange, insertMemory, insertStep, insertString, insertMeta;
  std::unordered_map<std::string, int64_t> stringIds;

  Result<void> prepareAll();
  Result<void> writeHead(const std::map<std::string, std::string>& meta,
                         const std::vector<RankRow>& ranks);
  Result<void> writeRanks(const std::vector<RankRow>& ranks);
  Result<int64_t> idOf(const std::string& text);
  Result<void> write(const OperatorRow& row);
  Result<void> write(const RangeRow& row);
  Result<void> write(const MemoryRow& row);
  Result<void> write(const StepRow& row);
  Result<void> writeAll(const StepRecords& records);
  Result<void> putMeta(const std::string& key, const std::string& value);
};

Result<void> RecordingWriter::Impl::prepareAll() {
  const std::pair<Statement*, const char*> all[] = {
      {&insertOperator, "INSERT INTO CARACAL_CPU_OP VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?)"},
      {&insertRange,
       "INSERT INTO NVTX_EVENTS (start, \"end\", eventType, globalTid, textId, domainId) VALUES "
       "(?,?,?,?,?,?)"},
      {&insertMemory, "INSERT INTO CARACAL_MEMORY VALUES (?,?,?)"},
      {&insertStep, "INSERT OR REPLACE INTO CARACAL_STEP VALUES (?,?,?,?,?)"},
      {&insertString, "INSERT INTO StringIds VALUES (?,?)"},
      {&insertMeta, "INSERT OR REPLACE INTO CARACAL_META VALUES (?,?)"},
  };
  for (const auto& [statement, sql] : all) {
    CARACAL_TRY(prepared, database.prepare(sql));
    *statement = std::move(prepared);
  }
  return {};
}

Result<int64_t> RecordingWriter::Impl::idOf(const std::string& text) {
  const auto id = static_cast<int64_t>(stringIds.size());
  const auto [found, isNew] = stringIds.try_emplace(text, id);
  if (isNew) {
    if (auto inserted = insertString.bindAll(id, text).run(); !inserted) {
      stringIds.erase(found);
      return tl::unexpected(inserted.error());
    }
  }
  return found->second;
}

Result<void> RecordingWriter::Impl::write(const OperatorRow& row) {
  CARACAL_TRY(nameId, idOf(row.name));
  CARACAL_TRY(laneId, idOf(row.lane));
  insertOperator.bindAll(row.beginNs, row.endNs, row.rank, kindNumber(row.kind),
                         static_cast<int>(row.pass), nameId, laneId, row.step);
  row.microBatch >= 0 ? insertOperator.bind(9, int64_t{row.microBatch})
                      : insertOperator.bindNull(9);
  insertOperator.bind(10, int64_t{row.layer}).bind(11, int64_t{row.window});
  row.bytes >= 0 ? insertOperator.bind(12, row.bytes) : insertOperator.bindNull(12);
  row.transferNs >= 0 ? insertOperator.bind(13, row.transferNs) : insertOperator.bindNull(13);
  row.askedNs >= 0 ? insertOperator.bind(14, row.askedNs) : insertOperator.bindNull(14);
  return insertOperator.run();
}

Result<void> RecordingWriter::Impl::write(const RangeRow& row) {
  CARACAL_TRY(textId, idOf(row.text));
  return insertRange
      .bindAll(row.beginNs, row.endNs, kNvtxPushPopRange, threadOf(row.rank), textId,
               kCaracalDomainId)
      .run();
}

Result<void> RecordingWriter::Impl::write(const MemoryRow& row) {
  return insertMemory.bindAll(row.timeNs, row.rank, row.bytes).run();
}

Result<void> RecordingWriter::Impl::write(const StepRow& row) {
  // SQLite has no NaN: a loss that diverged is stored as NULL.
  insertStep.bindAll(row.step, row.beginNs, row.endNs, row.loss, row.peakBytes);
  if (std::isnan(row.loss)) insertStep.bindNull(4);
  return insertStep.run();
}

Result<void> RecordingWriter::Impl::writeAll(const StepRecords& records) {
  for (const OperatorRow& row : records.operators) CARACAL_CHECK_OK(write(row));
  for (const RangeRow& row : records.ranges) CARACAL_CHECK_OK(write(row));
  for (const MemoryRow& row : records.memory) CARACAL_CHECK_OK(write(row));
  for (const StepRow& row : records.steps) CARACAL_CHECK_OK(write(row));
  return {};
}

Result<void> RecordingWriter::Impl::putMeta(const std::string& key, const std::string& value) {
  return insertMeta.bindAll(key, value).run();
}

Result<void> RecordingWriter::Impl::writeRanks(const std::vector<RankRow>& ranks) {
  CARACAL_TRY(insertRank, database.prepare("INSERT INTO CARACAL_RANK VALUES (?,?,?,?,?,?)"));
  CARACAL_TRY(insertThread, database.prepare("INSERT INTO ThreadNames VALUES (?,0,?)"));
  for (const RankRow& rank : ranks) {
    const int64_t thread = threadOf(rank.rank);
    CARACAL_CHECK_OK(
        insertRank
            .bindAll(rank.rank, rank.stage, rank.tensorIndex, rank.dataIndex, rank.host, thread)
            .run());
    CARACAL_TRY(nameId, idOf(fmt::format("rank {} (stage {}, tp {}, dp {})", rank.rank, rank.stage,
                                         rank.tensorIndex, rank.dataIndex)));
    CARACAL_CHECK_OK(insertThread.bindAll(nameId, thread).run());
  }
  return {};
}

Result<void> RecordingWriter::Impl::writeHead(const std::map<std::string, std::string>& meta,
                                              const std::vector<RankRow>& ranks) {
  for (const auto& [key, value] : meta) CARACAL_CHECK_OK(putMeta(key, value));
  CARACAL_CHECK_OK(putMeta("recordingVersion", std::to_string(kRecordingVersion)));
  CARACAL_CHECK_OK(writeRanks(ranks));

  CARACAL_TRY(insertExport, database.prepare("INSERT INTO META_DATA_EXPORT VALUES (?,?)"));
  CARACAL_CHECK_OK(insertExport.bindAll("EXPORT_PRODUCT_NAME", "Caracal").run());
  CARACAL_CHECK_OK(insertExport.bindAll("EXPORT_PRODUCT_VERSION", meta.at("toolVersion")).run());
  CARACAL_CHECK_OK(insertExport.bindAll("EXPORT_PARAM_TIME_NORMALIZE", "false").run());

  CARACAL_TRY(insertProcess, database.prepare("INSERT INTO PROCESSES VALUES (?,?,?)"));
  CARACAL_CHECK_OK(insertProcess.bindAll(globalPid(getpid()), getpid(), "caracal-run").run());
  CARACAL_TRY(insertStart,
              database.prepare("INSERT INTO TARGET_INFO_SESSION_START_TIME VALUES (?)"));
  CARACAL_CHECK_OK(insertStart.bindAll(nowNs()).run());
  if (!ranks.empty()) {
    CARACAL_TRY(
        insertHost,
        database.prepare("INSERT INTO TARGET_INFO_SYSTEM_ENV VALUES (0,'','Hostname',NULL,?)"));
    CARACAL_CHECK_OK(insertHost.bindAll(ranks.front().host).run());
  }
  CARACAL_TRY(
      insertDomain,
      database.prepare("INSERT INTO NVTX_EVENTS (start, eventType, text, globalTid, domainId)"
                       " VALUES (0,?,?,?,?)"));
  return insertDomain
      .bindAll(kNvtxDomainCreate, kCaracalDomain, globalPid(getpid()), kCaracalDomainId)
      .run();
}

Result<RecordingWriter> RecordingWriter::create(const std::string& path,
                                                const std::map<std::string, std::string>& meta,
                                                const std::vector<RankRow>& ranks) {
  for (const char* const key : {"runId", "planHash", "clock", "tag", "toolVersion"}) {
    if (!meta.count(key)) {
      return fail(ErrorCode::kInvalidInput,
                  "a recording needs the meta key {}, which was not given", key);
    }
  }
  const auto located = [&](Error error) { return tl::unexpected(at(std::move(error), path)); };
  if (auto removed = removeOldFiles(path); !removed) return located(removed.error());
  auto database = Database::open(path, sqlite::Access::kCreate);
  if (!database) return located(database.error());

  auto impl = std::make_unique<Impl>(Impl{.database = std::move(*database), .path = path});
  const auto fill = [&]() -> Result<void> {
    // NORMAL: a commit is a write to the WAL without fsync. That survives the death of the process,
    // which is what a recording promises; waiting for the disk would disturb the run it measures.
    CARACAL_CHECK_OK(impl->database.execute("PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;"));
    CARACAL_TRY(transaction, sqlite::Transaction::begin(impl->database));
    CARACAL_CHECK_OK(impl->database.execute(schemaSql()));
    CARACAL_CHECK_OK(impl->prepareAll());
    CARACAL_CHECK_OK(impl->writeHead(meta, ranks));
    return transaction.commit();
  };
  if (auto filled = fill(); !filled) return located(filled.error());
  return RecordingWriter(std::move(impl));
}

RecordingWriter::RecordingWriter(std::unique_ptr<Impl> impl) : m_impl(std::move(impl)) {}
RecordingWriter::RecordingWriter(RecordingWriter&&) noexcept = default;

RecordingWriter& RecordingWriter::operator=(RecordingWriter&& other) noexcept {
  (void)close();
  m_impl = std::move(other.m_impl);
  return *this;
}

RecordingWriter::~RecordingWriter() {
  (void)close();
}

Result<void> RecordingWriter::append(const StepRecords& records) {
  const auto write = [&]() -> Result<void> {
    CARACAL_TRY(transaction, sqlite::Transaction::begin(m_impl->database));
    const size_t knownStrings = m_impl->stringIds.size();
    if (auto written = m_impl->writeAll(records); !written) {
      // The rollback takes new StringIds rows with it.
      std::erase_if(m_impl->stringIds, [&](const auto& entry) {
        return entry.second >= static_cast<int64_t>(knownStrings);
      });
      return written;
    }
    return transaction.commit();
  };
  auto written = write();
  if (!written) return tl::unexpected(at(written.error(), m_impl->path));
  // So that a copy of the file alone, made while the run goes on or after it was killed, holds the
  // steps too. A reader in the way only delays this to the next step.
  (void)m_impl->database.execute("PRAGMA wal_checkpoint(PASSIVE);");
  return {};
}

Result<void> RecordingWriter::setMeta(const std::string& key, const std::string& value) {
  auto written = m_impl->putMeta(key, value);
  if (!written) return tl::unexpected(at(written.error(), m_impl->path));
  return {};
}

Result<void> RecordingWriter::close() {
  if (m_impl == nullptr) return {};
  std::unique_ptr<Impl> impl = std::move(m_impl);
  const std::string path = impl->path;
  Database database = std::move(impl->database);
  impl.reset();  // statements first: they keep a connection open
  auto folded = database.execute("PRAGMA wal_checkpoint(TRUNCATE);");
  auto closed = database.close();
  if (!folded) return tl::unexpected(at(folded.error(), path));
  if (!closed) return tl::unexpected(at(closed.error(), path));
  return {};
}

}  // namespace caracal::recording
