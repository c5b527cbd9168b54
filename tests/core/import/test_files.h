// Files for import tests: a folder that disappears with the test, gzip, and the shared real traces.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace caracal::import {

class TemporaryFolder {
 public:
  TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  ~TemporaryFolder();

  // Path of a file in the folder, written with these bytes.
  std::string write(const std::string& name, std::string_view bytes) const;
  std::string path() const { return m_path.string(); }

 private:
  std::filesystem::path m_path;
};

// One gzip member.
std::string gzip(std::string_view bytes);

// The folder of real traces beside the checkout; empty when it is not there.
std::string sharedTraces();

}  // namespace caracal::import
