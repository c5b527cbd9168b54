// Inputs of the benchmarks, the same on every machine.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace caracal::bench {

// A Kineto JSON of one rank with this many kernels, each with its launch and an operator around it,
// in the layout PyTorch writes (four events a kernel). Written once per process into the temporary
// folder.
const std::string& kinetoFile(int kernels);

// The same of several ranks, a file each; removed when the program ends.
const std::vector<std::string>& kinetoRun(int ranks, int kernels);

// A schedule recording in SQLite with this many operators on two ranks.
const std::string& recordingFile(int operators);

enum class FileKind : uint8_t { kJson, kGzip, kSqlite };
// A file with one event, and so much beside it that is not kept that every buffer of its reader
// fills: what loading it takes is what reading one file takes. Removed when the program ends.
const std::string& fileWithoutEvents(FileKind kind);

int64_t fileBytes(const std::string& path);

}  // namespace caracal::bench
