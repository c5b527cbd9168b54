// InterruptWatch: turns the first SIGINT or SIGTERM into a stop request; the second ends the
// program at once. Made first thing in main(), before any thread: it blocks both signals for all
// threads.
#pragma once

#include <functional>
#include <stop_token>
#include <thread>

namespace caracal::cli {

class InterruptWatch {
 public:
  InterruptWatch();
  ~InterruptWatch();
  InterruptWatch(const InterruptWatch&) = delete;
  InterruptWatch& operator=(const InterruptWatch&) = delete;
  std::stop_token token() const { return m_source.get_token(); }

 private:
  std::stop_source m_source;
  std::jthread m_waiter;
};

// While it lives, every SIGINT and SIGTERM goes to `onSignal` instead, on the watch's thread: for a
// verb that passes signals on to a command. isFromTerminal: the terminal sent it to the whole
// foreground group, the command has it already. At most one at a time.
class SignalTakeover {
 public:
  using OnSignal = std::function<void(int signal, bool isFromTerminal)>;
  explicit SignalTakeover(OnSignal onSignal);
  ~SignalTakeover();
  SignalTakeover(const SignalTakeover&) = delete;
  SignalTakeover& operator=(const SignalTakeover&) = delete;
};

}  // namespace caracal::cli
