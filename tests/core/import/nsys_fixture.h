// Small Nsight Systems exports, written row by row through SQLite.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "core/import/importer.h"
#include "core/sqlite/sqlite.h"
#include "tests/core/import/test_files.h"

namespace caracal::import {

// globalPid and globalTid as Nsight Systems packs them, with a hardware and a VM id.
constexpr int64_t globalPid(int64_t pid) {
  return (int64_t{1} << 48) | (pid << 24);
}
constexpr int64_t globalTid(int64_t pid, int64_t tid) {
  return globalPid(pid) | tid;
}

class NsysTest : public testing::Test {
 protected:
  std::string path(const std::string& name = "export.sqlite") const {
    return m_folder.path() + "/" + name;
  }
  // Runs SQL on the export; makes the file.
  void sql(const std::string& statements, const std::string& name = "export.sqlite") const;
  // The tables of a recent export that the tests fill, empty.
  void createTables() const;
  std::shared_ptr<const trace::Trace> load(const std::string& name = "export.sqlite") const;
  Error refusal(const std::string& name = "export.sqlite") const;

  TemporaryFolder m_folder;
};

// Every event of a kind as "name [begin, end) track", in the trace's order.
std::vector<std::string> eventsOf(const trace::Trace& trace, trace::EventKind kind);
// The only event of that name.
trace::EventIndex eventNamed(const trace::Trace& trace, std::string_view name);
const trace::Track& trackOf(const trace::Trace& trace, trace::EventIndex event);
bool anyNoteContains(const trace::Trace& trace, std::string_view text);

}  // namespace caracal::import
