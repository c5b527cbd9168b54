// A wire of connected stream sockets, one to each other rank: the reader sleeps until something
// comes, and the end of a process is the end of its connections, however it ended.
#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "runtime/comm/file_descriptor.h"
#include "runtime/comm/monitor.h"
#include "runtime/comm/wire.h"

namespace caracal::comm {

class SocketWire final : public Wire {
 public:
  // `sockets`: by rank, connected; the own entry is not open. A rank that takes nothing for
  // `timeout` counts as stalled.
  SocketWire(int32_t rank, std::vector<FileDescriptor> sockets, std::chrono::nanoseconds timeout);
  ~SocketWire() override;  // finish()

  // From here on parcels are received. A rank that ends without having said that it is done, that
  // takes nothing, or whose process stands still fails `monitor` with its name, as does what
  // another rank tells with tellFailure(). `monitor` and the receivers must live until finish().
  void start(Monitor& monitor);
  // Says that this rank has nothing more to say, and waits a few seconds for the others to say so.
  // Nothing is received any more after it.
  void finish();
  // Makes the failure of this rank that of all others. Does not wait for ranks that take nothing.
  void tellFailure(const Error& reason);
  // Whether this is the lowest rank that has not gone: the one to say why a run failed.
  bool isLowest() const;

  int32_t rank() const override { return m_rank; }
  void listen(uint32_t port, Receiver receiver) override;
  void post(int32_t to, const Parcel& parcel) override;

 private:
  using Clock = std::chrono::steady_clock;
  struct Peer {
    FileDescriptor socket;
    std::mutex sending;
    bool refuses = false;             // guarded by `sending`: nothing more can be sent
    std::atomic<bool> isOpen{true};   // written by the wire's thread: something may still come
    std::atomic<bool> isDone{false};  // written by the wire's thread: said so
    Bytes partial;                    // a parcel; the wire's thread alone
    size_t filled = 0;                // of `partial`
    Clock::time_point lastHeard{};    // the wire's thread alone
  };

  void receiveAll(const std::stop_token& stop);
  void receiveFrom(int32_t rank);
  void dispatch(int32_t from, const Bytes& message);
  void control(int32_t from, const Parcel& parcel);
  void beat();
  void lose(int32_t rank, const std::string& how);
  void setSendTimeout(std::chrono::nanoseconds timeout);

  int32_t m_rank;
  std::chrono::nanoseconds m_timeout;
  std::vector<std::unique_ptr<Peer>> m_peers;  // by rank; nullptr: the own
  std::unordered_map<uint32_t, Receiver> m_receivers;
  Monitor* m_monitor = nullptr;
  std::jthread m_thread;
};

}  // namespace caracal::comm
