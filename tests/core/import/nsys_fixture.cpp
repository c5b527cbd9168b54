#include "tests/core/import/nsys_fixture.h"

#include <fmt/format.h>

#include <algorithm>

namespace caracal::import {

void NsysTest::sql(const std::string& statements, const std::string& name) const {
  auto database = sqlite::Database::open(path(name), sqlite::Access::kCreate);
  ASSERT_TRUE(database) << database.error().text();
  const auto done =
      database->execute("PRAGMA synchronous=OFF; PRAGMA journal_mode=MEMORY;" + statements);
  ASSERT_TRUE(done) << done.error().text();
}

void NsysTest::createTables() const {
  sql(R"sql(
    CREATE TABLE StringIds (id INTEGER NOT NULL PRIMARY KEY, value TEXT NOT NULL);
    CREATE TABLE CUPTI_ACTIVITY_KIND_KERNEL (start INT, "end" INT, deviceId INT, contextId INT, streamId INT,
      correlationId INT, globalPid INT, demangledName INT, shortName INT);
    CREATE TABLE CUPTI_ACTIVITY_KIND_RUNTIME (start INT, "end" INT, eventClass INT, globalTid INT, correlationId INT,
      nameId INT);
    CREATE TABLE NVTX_EVENTS (start INT, "end" INT, eventType INT, rangeId INT, category INT, color INT, text TEXT,
      globalTid INT, endGlobalTid INT, textId INT, domainId INT);
    CREATE TABLE TARGET_INFO_GPU (id INT, name TEXT);
    CREATE TABLE ThreadNames (nameId INT, priority INT, globalTid INT);
    INSERT INTO StringIds VALUES (1, 'gemm'), (2, 'cudaLaunchKernel_v7000'), (3, 'python3');
  )sql");
}

std::shared_ptr<const trace::Trace> NsysTest::load(const std::string& name) const {
  auto loaded = loadTraces({path(name)});
  EXPECT_TRUE(loaded) << loaded.error().text();
  if (!loaded) return std::move(trace::TraceBuilder{}).finish();
  return loaded->trace;
}

Error NsysTest::refusal(const std::string& name) const {
  const auto loaded = loadTraces({path(name)});
  EXPECT_FALSE(loaded) << "loaded with " << loaded->trace->eventCount() << " events";
  return loaded ? Error{} : loaded.error();
}

std::vector<std::string> eventsOf(const trace::Trace& trace, trace::EventKind kind) {
  std::vector<std::string> events;
  for (trace::EventIndex e = 0; e < trace.eventCount(); ++e) {
    if (trace.kind(e) != kind) continue;
    events.push_back(fmt::format("{} [{}, {}) {}", trace.name(e), trace.beginNs(e), trace.endNs(e),
                                 trackOf(trace, e).label));
  }
  return events;
}

trace::EventIndex eventNamed(const trace::Trace& trace, std::string_view name) {
  trace::EventIndex found = trace::kNoIndex;
  for (trace::EventIndex e = 0; e < trace.eventCount(); ++e) {
    if (trace.name(e) != name) continue;
    EXPECT_EQ(found, trace::kNoIndex) << name << " occurs twice";
    found = e;
  }
  EXPECT_NE(found, trace::kNoIndex) << "no event " << name;
  return found;
}

const trace::Track& trackOf(const trace::Trace& trace, trace::EventIndex event) {
  return trace.tracks()[trace.trackOf(event)];
}

bool anyNoteContains(const trace::Trace& trace, std::string_view text) {
  const auto& notes = trace.report().notes;
  return std::any_of(notes.begin(), notes.end(),
                     [&](const std::string& note) { return note.find(text) != std::string::npos; });
}

}  // namespace caracal::import
