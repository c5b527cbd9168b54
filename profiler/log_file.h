// The append-only log of one process (core/recorder/log_format.h). Frames reach the kernel with the
// call that writes them: they survive the death of the process, kill -9 included, not that of the
// machine.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "core/recorder/log_format.h"

namespace caracal::profiler {

// Belongs to the writer thread, except for abandon().
class LogFile {
 public:
  LogFile() = default;
  LogFile(const LogFile&) = delete;
  LogFile& operator=(const LogFile&) = delete;

  // Creates the file; an errno, 0 when it is there.
  int create(const std::string& path, int64_t pid, uint64_t session);
  // One frame. False when it could not be written whole: the log then ends before it, says so in
  // its header, and takes nothing more.
  bool append(uint32_t threadId, std::span<const std::byte> records);
  // The log ended as it should; closes it.
  void finish();
  // In a forked child: the parent's log is none of ours.
  void abandon() noexcept;

  int error() const { return m_error; }

 private:
  void fail(int error);
  void writeState(recorder::LogState state);

  int m_descriptor = -1;
  int m_error = 0;
  int64_t m_bytes = 0;
  uint32_t m_sequence = 0;
  std::vector<std::byte> m_frame;
};

}  // namespace caracal::profiler
