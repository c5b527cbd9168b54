#include "core/import/input_files.h"

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <functional>
#include <set>
#include <system_error>

#include "core/base/files.h"
#include "core/import/input/input_stream.h"

namespace caracal::import {
namespace {

namespace fs = std::filesystem;

bool isDigit(char c) {
  return c >= '0' && c <= '9';
}

// "rank2" before "rank10": runs of digits compare by value.
bool naturallyLess(const std::string& a, const std::string& b) {
  size_t i = 0, j = 0;
  while (i < a.size() && j < b.size()) {
    if (!isDigit(a[i]) || !isDigit(b[j])) {
      if (a[i] != b[j]) return a[i] < b[j];
      ++i, ++j;
      continue;
    }
    while (i < a.size() && a[i] == '0') ++i;
    while (j < b.size() && b[j] == '0') ++j;
    size_t endA = i, endB = j;
    while (endA < a.size() && isDigit(a[endA])) ++endA;
    while (endB < b.size() && isDigit(b[endB])) ++endB;
    if (endA - i != endB - j) return endA - i < endB - j;
    const int order = a.compare(i, endA - i, b, j, endB - j);
    if (order != 0) return order < 0;
    i = endA, j = endB;
  }
  if (a.size() - i != b.size() - j) return a.size() - i < b.size() - j;
  return a < b;  // "rank01" and "rank1" still have an order
}

bool isBlank(const std::string& text) {
  return std::all_of(text.begin(), text.end(), [](unsigned char c) { return std::isspace(c); });
}

// Why no importer takes a file that begins like this.
Error notATrace(const std::string& head) {
  if (isProjectHead(head)) {
    return {ErrorCode::kInvalidInput,
            "a Caracal project, not a trace; open it with caracal-ui, or name one of its runs "
            "(`caracal project list` shows them)",
            {}};
  }
  if (head.empty()) {
    return {ErrorCode::kInvalidInput, "the file is empty: it holds no events", {}};
  }
  if (isBlank(head)) {
    return {ErrorCode::kInvalidInput, "the file holds only white space, no events", {}};
  }
  std::string known;
  for (const auto& importer : importers()) {
    known += (known.empty() ? "" : ", ") + std::string(importer->format());
  }
  return {ErrorCode::kInvalidInput,
          "not a trace that Caracal can read; it reads PyTorch/Chrome trace JSON (also gzip), "
          "Nsight Systems "
          "SQLite exports and Caracal recordings (formats: " +
              known + ")",
          {}};
}

Result<InputFile> inputFile(const std::string& path) {
  CARACAL_TRY(head, readHead(path));
  for (const auto& importer : importers()) {
    if (!importer->accepts(path, head)) continue;
    std::error_code ignored;
    const auto bytes = fs::file_size(path, ignored);
    return InputFile{path, importer.get(), ignored ? 0 : static_cast<uint64_t>(bytes)};
  }
  return tl::unexpected(notATrace(head));
}

bool isCompanion(const std::string& path) {
  return std::any_of(importers().begin(), importers().end(),
                     [&](const auto& importer) { return importer->isCompanion(path); });
}

Result<std::vector<std::string>> filesOfFolder(const std::string& folder) {
  const auto names = namesInFolder(folder);
  if (!names) return fail(ErrorCode::kIo, "{}", names.error().message);
  std::vector<std::string> files;
  for (const std::string& name : *names) {
    const std::string path = (fs::path(folder) / name).string();
    std::error_code ignored;
    if (name.front() == '.' || !fs::is_regular_file(path, ignored)) continue;
    if (!isCompanion(path)) files.push_back(path);
  }
  std::sort(files.begin(), files.end(), naturallyLess);
  return files;
}

std::string subfoldersOf(const std::string& folder) {
  std::vector<std::string> names;
  for (std::string& name : namesInFolder(folder).value_or(std::vector<std::string>())) {
    std::error_code ignored;
    if (name.front() != '.' && fs::is_directory(fs::path(folder) / name, ignored))
      names.push_back(std::move(name));
  }
  std::sort(names.begin(), names.end(), naturallyLess);
  constexpr size_t kShown = 3;
  std::string text;
  for (size_t i = 0; i < std::min(names.size(), kShown); ++i)
    text += (i == 0 ? "" : ", ") + names[i];
  return names.size() > kShown ? text + ", ..." : text;
}

// Inputs taken from one folder. When none of its files is a trace but it has folders, the traces
// are most likely in those.
void takeFolder(const std::string& folder, const std::vector<std::string>& files,
                const std::function<void(const std::string&)>& take, InputFiles& found) {
  const size_t readable = found.files.size();
  const size_t unreadable = found.unreadable.size();
  for (const std::string& file : files) take(file);
  const std::string inside = subfoldersOf(folder);
  if (found.files.size() > readable || (inside.empty() && !files.empty())) return;
  found.unreadable.resize(unreadable);
  found.unreadable.push_back(
      {ErrorCode::kInvalidInput,
       inside.empty() ? "the folder is empty"
                      : "no file of this folder is a trace, and folders inside it are not "
                        "searched; name one of them: " +
                            inside,
       folder});
}

}  // namespace

std::vector<std::string> companionsBeside(const std::vector<InputFile>& files) {
  std::set<std::string> folders, companions;
  for (const InputFile& file : files) {
    const std::string folder = fs::path(file.path).parent_path().string();
    folders.insert(folder.empty() ? "." : folder);
  }
  for (const std::string& folder : folders) {
    for (const std::string& name : namesInFolder(folder).value_or(std::vector<std::string>())) {
      std::error_code ignored;
      const std::string path = (fs::path(folder) / name).string();
      if (isCompanion(path) && fs::is_regular_file(path, ignored)) companions.insert(path);
    }
  }
  return {companions.begin(), companions.end()};
}

InputFiles findInputFiles(const std::vector<std::string>& paths) {
  InputFiles found;
  std::set<std::string> seen;
  const auto take = [&](const std::string& path) {
    std::error_code ignored;
    const fs::path canonical = fs::weakly_canonical(path, ignored);
    if (!seen.insert(ignored ? path : canonical.string()).second) return;
    if (auto file = inputFile(path)) {
      found.files.push_back(std::move(*file));
    } else {
      found.unreadable.push_back(at(file.error(), path));
    }
  };
  for (const std::string& path : paths) {
    std::error_code ignored;
    if (!fs::is_directory(path, ignored)) {
      take(path);
      continue;
    }
    const auto files = filesOfFolder(path);
    if (!files) {
      found.unreadable.push_back(at(files.error(), path));
    } else {
      takeFolder(path, *files, take, found);
    }
  }
  return found;
}

}  // namespace caracal::import
