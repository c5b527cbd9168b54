#include "profiler/log_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstring>

#include "core/base/checksum.h"

namespace caracal::profiler {
namespace {

using recorder::FileHeader;
using recorder::FrameHeader;
using recorder::LogState;

// An errno, 0 when all of it was written.
int writeAll(int descriptor, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::write(descriptor, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return count < 0 ? errno : EIO;
    bytes = bytes.subspan(static_cast<size_t>(count));
  }
  return 0;
}

}  // namespace

int LogFile::create(const std::string& path, int64_t pid, uint64_t session) {
  // A pid may come back within one recording: a log is never written over.
  m_descriptor = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
  if (m_descriptor < 0) return errno;
  FileHeader header{};
  std::memcpy(header.magic, recorder::kLogMagic, sizeof header.magic);
  header.version = recorder::kLogVersion;
  header.headerBytes = sizeof header;
  header.pid = pid;
  header.session = session;
  m_error = writeAll(m_descriptor, std::as_bytes(std::span(&header, 1)));
  m_bytes = sizeof header;
  return m_error;
}

bool LogFile::append(uint32_t threadId, std::span<const std::byte> records) {
  if (m_descriptor < 0 || m_error != 0) return false;
  FrameHeader header{.magic = recorder::kFrameMagic,
                     .payloadBytes = static_cast<uint32_t>(records.size()),
                     .threadId = threadId,
                     .sequence = m_sequence,
                     .checksum = 0};
  m_frame.resize(sizeof header + records.size());
  std::memcpy(m_frame.data(), &header, sizeof header);
  std::memcpy(m_frame.data() + sizeof header, records.data(), records.size());
  header.checksum = checksum64(m_frame);
  std::memcpy(m_frame.data(), &header, sizeof header);
  if (const int error = writeAll(m_descriptor, m_frame); error != 0) {
    fail(error);
    return false;
  }
  m_bytes += static_cast<int64_t>(m_frame.size());
  ++m_sequence;
  return true;
}

void LogFile::fail(int error) {
  m_error = error;
  // The half frame would not check anyway; without it the log is as long as what it holds.
  if (::ftruncate(m_descriptor, m_bytes) != 0) m_error = error;
  writeState(LogState::kWriteFailed);
}

void LogFile::writeState(LogState state) {
  struct {
    uint32_t state;
    int32_t error;
  } const fields{static_cast<uint32_t>(state), m_error};
  // In place: works on a full disk too.
  const ssize_t written =
      ::pwrite(m_descriptor, &fields, sizeof fields, offsetof(FileHeader, state));
  if (written != static_cast<ssize_t>(sizeof fields) && m_error == 0) m_error = EIO;
}

void LogFile::finish() {
  if (m_descriptor < 0) return;
  if (m_error == 0) writeState(LogState::kEnded);
  ::close(m_descriptor);
  m_descriptor = -1;
}

void LogFile::abandon() noexcept {
  if (m_descriptor >= 0) ::close(m_descriptor);
  m_descriptor = -1;
}

}  // namespace caracal::profiler
