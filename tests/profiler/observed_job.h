// Runs the fake job with the recorder injected, and turns its logs into recordings.
#pragma once

#include <gtest/gtest.h>
#include <sys/types.h>

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "core/recorder/log_conversion.h"
#include "core/recorder/options.h"
#include "core/sqlite/sqlite.h"

namespace caracal::profiler {

using Environment = std::map<std::string, std::string>;

// A process with a pipe on its standard output; killed with the object if it still runs.
class ObservedJob {
 public:
  ObservedJob(std::vector<std::string> arguments, const Environment& environment);
  ~ObservedJob();
  ObservedJob(const ObservedJob&) = delete;
  ObservedJob& operator=(const ObservedJob&) = delete;

  std::string readLine();
  void kill(int signal);
  int wait();  // its exit code, or minus the signal that ended it
  pid_t pid() const { return m_pid; }

 private:
  pid_t m_pid = 0;
  int m_output = -1;
};

struct Recorded {
  std::string file;  // SQLite
  recorder::Conversion conversion;

  // The first column of the only row of a query; -1 when there is no row.
  int64_t number(const std::string& sql) const;
  std::string text(const std::string& sql) const;
  int64_t lostFor(recorder::LossReason reason) const {
    return conversion.lost[static_cast<size_t>(reason)];
  }
};

class RecorderTest : public testing::Test {
 protected:
  RecorderTest();
  ~RecorderTest() override;

  // The variables that `caracal record` would set.
  Environment environment() const;
  // Runs the job to its end; its exit code.
  int run(const std::vector<std::string>& arguments, const Environment& added = {}) const;
  // Every log, converted, by the order of their processes' ids.
  std::vector<Recorded> recorded() const;
  Recorded only() const;
  std::filesystem::path folder() const { return m_folder; }

  recorder::RecordOptions m_options;

 private:
  std::filesystem::path m_folder;
};

}  // namespace caracal::profiler
