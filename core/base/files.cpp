#include "core/base/files.h"

#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>

#include "core/base/system_message.h"

namespace caracal {
namespace {

tl::unexpected<Error> systemError(const std::string& path, std::string_view action) {
  const int code = errno;
  return tl::unexpected(
      Error{ErrorCode::kIo, fmt::format("cannot {}: {}", action, systemMessage(code)), path});
}

// Writes all of it, also when the system takes it in pieces.
bool writeAll(int file, std::string_view content) {
  while (!content.empty()) {
    const ssize_t written = ::write(file, content.data(), content.size());
    if (written < 0) {
      if (errno == EINTR) continue;
      return false;
    }
    content.remove_prefix(static_cast<size_t>(written));
  }
  return true;
}

}  // namespace

Result<std::vector<std::string>> namesInFolder(const std::string& path) {
  const std::unique_ptr<DIR, int (*)(DIR*)> folder(::opendir(path.c_str()), ::closedir);
  if (folder == nullptr) return systemError(path, "list the folder");
  std::vector<std::string> names;
  for (;;) {
    errno = 0;
    const dirent* const entry = ::readdir(folder.get());
    if (entry == nullptr && errno != 0) return systemError(path, "list the folder");
    if (entry == nullptr) return names;
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") names.emplace_back(name);
  }
}

Result<std::string> readTextFile(const std::string& path) {
  std::error_code ignored;
  const auto status = std::filesystem::status(path, ignored);
  if (!std::filesystem::exists(status)) {
    return tl::unexpected(Error{ErrorCode::kNotFound, "there is no such file", path});
  }
  if (std::filesystem::is_directory(status)) {
    return tl::unexpected(Error{ErrorCode::kIo, "is a folder, not a file", path});
  }
  std::ifstream file(path, std::ios::binary);
  if (!file) return systemError(path, "open it for reading");
  std::string content{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  if (file.bad()) return systemError(path, "read it");
  return content;
}

Result<void> writeTextFile(const std::string& path, std::string_view content) {
  std::string temporary = path + ".XXXXXX";
  const int file = ::mkstemp(temporary.data());
  if (file < 0) return systemError(path, "write it");
  // mkstemp makes private files; a document is as readable as any other new file of the user.
  const mode_t mask = ::umask(0);
  ::umask(mask);
  const bool written =
      writeAll(file, content) && ::fchmod(file, 0666 & ~mask) == 0 && ::fsync(file) == 0;
  const int writeErrno = errno;
  const bool closed = ::close(file) == 0;
  if (!written || !closed || std::rename(temporary.c_str(), path.c_str()) != 0) {
    if (!written) errno = writeErrno;
    auto error = systemError(path, "write it");
    ::unlink(temporary.c_str());
    return error;
  }
  return {};
}

}  // namespace caracal
