// A whole regular file, mapped for reading.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>

#include "core/base/result.h"

namespace caracal::trace {

class MappedFile {
 public:
  // Fails with kNotFound when there is no such file, with kIo when it cannot be opened, with
  // kInvalidInput when it is empty or no regular file.
  static Result<std::shared_ptr<const MappedFile>> open(const std::string& path);
  MappedFile() = default;
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  ~MappedFile();
  // Valid as long as this lives.
  std::span<const std::byte> bytes() const { return m_bytes; }

 private:
  std::span<const std::byte> m_bytes;
};

}  // namespace caracal::trace
