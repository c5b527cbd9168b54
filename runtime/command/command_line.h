// What the user typed, checked as far as the words themselves go.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "runtime/comm/clock.h"
#include "runtime/comm/network.h"
#include "runtime/executor/job.h"

namespace caracal::command {

struct CommandLine {
  bool asksAbilities = false;  // nothing else is done
  std::string planPath;        // empty: --model
  std::string modelName;       // a path or the name of a shipped model
  std::string profilePath;     // the profile the plan must be made for; empty: not checked
  std::string textPath;        // empty: the built-in text
  std::string recordPath;      // empty: no recording
  std::string checkpointPath;  // empty: none
  std::string resumePath;      // empty: from the first step
  int32_t checkpointEvery = 0;
  std::optional<int32_t> tensor, pipeline, data, microBatches;  // instead of the model's
  std::string schedule = "1F1B";                                // without a plan
  int32_t steps = 5;
  std::optional<uint64_t> seed;  // empty: the checkpoint's, or 1
  float learningRate = 1e-3F;
  std::optional<comm::ClockKind>
      clock;  // empty: wall when every rank can have a core, else virtual
  comm::LinkSpeeds links;
  double linkTimeoutSeconds = 600;
  executor::ReplicaOptions replicas;
  bool cuda = false;  // the backend; else the CPU
  int32_t cudaDevice = 0;
  int32_t linkCtas = 0;    // 0: 4 for emulated links, what NCCL chooses for its own
  bool partition = false;  // of the GPU's multiprocessors among ranks that share it
};

// Either a command line, or an exit code after help, version or a usage error was printed.
struct ParsedCommandLine {
  CommandLine line;
  std::optional<int> exitCode;
};
ParsedCommandLine parseCommandLine(int argc, const char* const* argv);

}  // namespace caracal::command
