// The ranks of a job as processes: who this one is, and how it finds the others.
//
// They are introduced by a phone book: MPI under mpirun, else rank 0 at MASTER_ADDR. MPI is no more
// than that: it is initialised, used to exchange the names of sockets, and finalised before
// training starts. Its implementations wait by polling, which would take the cores that ranks
// compute on, and do not tell that a peer was killed; sockets do neither.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/base/result.h"
#include "runtime/comm/file_descriptor.h"
#include "runtime/comm/launcher.h"
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

// Whether Caracal was built with MPI.
bool hasMpi();
// Through MPI, which it initialises and, when it goes, finalises: one in a process's life. Fails
// where Caracal was built without MPI.
Result<std::unique_ptr<PhoneBook>> mpiPhoneBook();

// Through rank 0, which listens at its address and port. Fails when a rank does not come within
// `timeout`, naming it.
Result<std::unique_ptr<PhoneBook>> tcpPhoneBook(const LaunchedRank& self,
                                                std::chrono::nanoseconds timeout);
// MPI where Open MPI's mpirun started the ranks and Caracal was built with MPI, else TCP.
Result<std::unique_ptr<PhoneBook>> phoneBookFor(const LaunchedRank& self,
                                                std::chrono::nanoseconds timeout);

// How far apart ranks may be. On several machines they are connected by TCP, and the clock of each
// is set to that of rank 0, as well as the time that a message takes allows.
enum class Reach : uint8_t { kOneMachine, kNetwork };

struct Meeting {
  std::string run;  // hash of the plan and of all options that matter
  Reach reach = Reach::kOneMachine;
  std::string rankZero = "localhost";  // its address: others see the rank as it looks from there
  std::string machine;                 // of this rank; empty: the boot id of its kernel
  std::chrono::nanoseconds linkTimeout = std::chrono::minutes(10);
};

// Connects each rank with each other. Fails when they are further apart than `reach`, and when they
// do not agree about `run`.
Result<Processes> joinProcesses(PhoneBook& book, const Meeting& meeting);

}  // namespace caracal::comm
