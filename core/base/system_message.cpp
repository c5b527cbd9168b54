#include "core/base/system_message.h"

#include <cerrno>
#include <string_view>
#include <system_error>

namespace caracal {
namespace {

std::string_view remedyFor(int code) {
  switch (code) {
    case ENOENT:
    case ENOTDIR:
      return "check the path";
    case EACCES:
    case EPERM:
      return "check the permissions of the file and of its folders";
    case EISDIR:
      return "name a file in it";
    case EROFS:
      return "choose another folder";
    case ENOSPC:
    case EDQUOT:
      return "free some space or choose another folder";
    case EFBIG:
      return "raise the limit of file sizes (ulimit -f) or choose another file system";
    case ENAMETOOLONG:
      return "choose a shorter name";
    case EMFILE:
      return "raise the limit of open files (ulimit -n)";
    case ENFILE:
      return "close other programs that hold many files open";
    case ENOMEM:
      return "close other programs, or raise the limit of memory (ulimit -v)";
    case EIO:
    case ESTALE:
      return "check the disk or the network file system, then try again";
    case ENOEXEC:
      return "it is not a program of this machine: check the path, or build it here";
    default:
      return {};
  }
}

}  // namespace

std::string systemMessage(int code) {
  std::string message = std::generic_category().message(code);
  if (const std::string_view remedy = remedyFor(code); !remedy.empty())
    message.append("; ").append(remedy);
  return message;
}

}  // namespace caracal
