// A file that exists in memory only, for fuzz targets of readers that open paths.
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <string>

#include "tests/fuzz/trace_promises.h"

namespace caracal::fuzz {

class MemoryFile {
 public:
  MemoryFile(const void* data, size_t size) : m_fd(::memfd_create("fuzz", 0)) {
    require(m_fd >= 0 && ::write(m_fd, data, size) == static_cast<ssize_t>(size),
            "memory for the input");
  }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;
  ~MemoryFile() { ::close(m_fd); }
  std::string path() const { return "/proc/self/fd/" + std::to_string(m_fd); }

 private:
  int m_fd;
};

}  // namespace caracal::fuzz
