// The ranks of a job as processes: who this one is, and how it finds the others.
//
// MPI is the phone book only: it is initialised, used to exchange the names of sockets, and
// finalised before training starts. Its implementations wait by polling, which would take the cores
// that ranks compute on, and do not tell that a peer was killed; sockets do neither.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/base/result.h"
#include "runtime/comm/file_descriptor.h"
#include "runtime/comm/socket_wire.h"

namespace caracal::comm {

// What this process shares with those of the other ranks.
struct Processes {
  std::unique_ptr<SocketWire> wire;
  int64_t originNs = 0;      // of the run's clock
  FileDescriptor tokenFile;  // of the run's Token
};

// Exchanges a text with every other rank: all ranks' texts, by rank, on each of them.
class PhoneBook {
 public:
  virtual ~PhoneBook() = default;
  virtual Result<std::vector<std::string>> exchange(const std::string& own) = 0;
  int32_t rank = 0;

 protected:
  PhoneBook() = default;
  PhoneBook(const PhoneBook&) = default;
  PhoneBook& operator=(const PhoneBook&) = default;
};

// Through MPI, which it initialises and, when it goes, finalises: one in a process's life. Fails
// where Caracal was built without MPI.
Result<std::unique_ptr<PhoneBook>> mpiPhoneBook();

// Connects each rank with each other. Fails when they are on several machines, whose clocks differ,
// and when they do not agree about `run`: a hash of the plan and of all options that matter.
Result<Processes> joinProcesses(PhoneBook& book, const std::string& run,
                                std::chrono::nanoseconds linkTimeout);

}  // namespace caracal::comm
