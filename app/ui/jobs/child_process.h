// ChildProcess: a program that runs beside the window. Its lines arrive as signals; nothing here
// waits. A stop is asked for with SIGINT at once, and enforced with SIGKILL on the program and what
// it started when its grace is over. GUI thread only.
#pragma once

#include <QObject>
#include <QProcess>
#include <QTimer>
#include <chrono>

namespace caracal::ui {

struct ChildCall {
  QString program;
  QStringList arguments;
};

struct ChildEnd {
  bool started = true;
  bool stopped = false;  // stop() was called before it ended
  bool killed = false;   // and its grace was over
  int exitCode = 0;
  int signal = 0;     // that ended it; 0: it ended by itself
  QString errorText;  // the last of its standard error; why it could not be started
  bool clean() const { return started && signal == 0 && exitCode == 0; }
};

class ChildProcess : public QObject {
  Q_OBJECT
 public:
  explicit ChildProcess(std::chrono::milliseconds grace, QObject* parent = nullptr);
  // A running program gets a moment to end, then it is killed.
  ~ChildProcess() override;

  bool running() const { return m_process.state() != QProcess::NotRunning; }
  bool stopping() const { return m_stopped && running(); }
  std::chrono::milliseconds grace() const { return m_grace; }
  // Reports by ended(), also when it cannot be started. REQUIRES !running().
  void start(const ChildCall& call);
  // The second call ends the program at once.
  void stop();

 signals:
  void line(const QByteArray& text);       // of standard output, without its end
  void errorLine(const QByteArray& text);  // of standard error
  void ended(const caracal::ui::ChildEnd& end);

 private:
  void readLines();
  void readErrorLines();
  void finish(int exitCode, QProcess::ExitStatus status);
  void kill();

  QProcess m_process;
  QTimer m_graceTimer;
  std::chrono::milliseconds m_grace;
  QByteArray m_errorTail;
  qint64 m_pid = 0;
  bool m_stopped = false;
  bool m_killed = false;
};

}  // namespace caracal::ui
