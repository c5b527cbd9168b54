// From the paths a user names to the files to read, each with the importer that accepts it.
#pragma once

#include <string>
#include <vector>

#include "core/import/importer.h"

namespace caracal::import {

struct InputFile {
  std::string path;
  const Importer* importer = nullptr;
  uint64_t storedBytes = 0;  // weight for progress
};

struct InputFiles {
  std::vector<InputFile> files;   // in the order named; inside a folder by name, numbers by value
  std::vector<Error> unreadable;  // what was named or lies in a folder but nobody can read
};

// Folders are searched one level deep; hidden files and companions of a format are passed over
// there. A file that is named twice is read once.
InputFiles findInputFiles(const std::vector<std::string>& paths);

// Files that lie beside these and are read with them (Importer::isCompanion), by name.
std::vector<std::string> companionsBeside(const std::vector<InputFile>& files);

}  // namespace caracal::import
