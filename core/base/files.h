// Folders listed, whole text files in and out. Errors carry the path and what the system said.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"

namespace caracal {

// Names of all that lies in a folder, in no order. Fails with kIo when the folder cannot be read.
// Throws std::bad_alloc when memory ends, where libstdc++'s std::filesystem iterators end the
// process.
Result<std::vector<std::string>> namesInFolder(const std::string& path);

// Fails with kNotFound when there is no such file, kIo when it cannot be read or is a folder.
Result<std::string> readTextFile(const std::string& path);

// Writes beside the target, flushes to the disk, then renames: a reader sees the old content or the
// new, never half of it, also after a crash. An existing file keeps its content when this fails.
Result<void> writeTextFile(const std::string& path, std::string_view content);

}  // namespace caracal
