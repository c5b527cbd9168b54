#include "core/trace/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "core/base/system_message.h"
#include "core/trace/trace_file_checks.h"

namespace caracal::trace {

Result<std::shared_ptr<const MappedFile>> MappedFile::open(const std::string& path) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) {
    return fail(errno == ENOENT ? ErrorCode::kNotFound : ErrorCode::kIo,
                "the trace file cannot be opened: {}", systemMessage(errno));
  }
  struct stat info {};
  auto mapped = std::make_shared<MappedFile>();
  if (::fstat(file, &info) == 0 && S_ISREG(info.st_mode) && info.st_size > 0) {
    void* at = ::mmap(nullptr, static_cast<size_t>(info.st_size), PROT_READ, MAP_PRIVATE, file, 0);
    if (at != MAP_FAILED)
      mapped->m_bytes = {static_cast<const std::byte*>(at), static_cast<size_t>(info.st_size)};
  }
  ::close(file);
  if (mapped->m_bytes.empty()) return file::damaged("it is empty or no regular file");
  return mapped;
}

MappedFile::~MappedFile() {
  if (!m_bytes.empty()) ::munmap(const_cast<std::byte*>(m_bytes.data()), m_bytes.size());
}

}  // namespace caracal::trace
