// Connected TCP sockets between ranks: listening, calling with patience, and whole messages.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "core/base/result.h"
#include "runtime/comm/file_descriptor.h"

namespace caracal::comm {

using Deadline = std::chrono::steady_clock::time_point;

struct Listener {
  FileDescriptor socket;
  int32_t port = 0;
};
// On all addresses of this machine. `port` 0: one that is free.
Result<Listener> listenOnTcp(int32_t port);

// The next caller. Fails with ErrorCode::kCancelled when nobody calls until `deadline`.
Result<FileDescriptor> acceptTcp(const Listener& listener, Deadline deadline);

// Calls again and again until somebody answers, as the other side may not have started yet.
Result<FileDescriptor> callTcp(const std::string& host, int32_t port, Deadline deadline);

// The numeric address of this end of a connection: what others of the network reach it by.
Result<std::string> ownAddress(const FileDescriptor& socket);

// A message with its length in front. Neither waits beyond `deadline`; a message of another length
// than a rank would send is refused.
Result<void> sendMessage(const FileDescriptor& socket, const std::string& text, Deadline deadline);
Result<std::string> receiveMessage(const FileDescriptor& socket, Deadline deadline);

}  // namespace caracal::comm
