#include "app/ui/jobs/child_process.h"

#include <signal.h>
#include <unistd.h>

namespace caracal::ui {
namespace {

constexpr qsizetype kErrorTail = 1200;  // bytes of standard error that are kept for the end
constexpr int kLastMomentMs = 200;      // when the window closes

QByteArray withoutEnd(QByteArray line) {
  while (line.endsWith('\n') || line.endsWith('\r')) line.chop(1);
  return line;
}

}  // namespace

ChildProcess::ChildProcess(std::chrono::milliseconds grace, QObject* parent)
    : QObject(parent), m_grace(grace) {
  m_process.setProcessChannelMode(QProcess::SeparateChannels);
  // A group of its own: what it started can be ended with it, and a Ctrl-C meant for the window
  // does not reach it twice.
  m_process.setChildProcessModifier([] { ::setpgid(0, 0); });
  m_graceTimer.setSingleShot(true);
  connect(&m_graceTimer, &QTimer::timeout, this, &ChildProcess::kill);
  connect(&m_process, &QProcess::started, this, [this] { m_pid = m_process.processId(); });
  connect(&m_process, &QProcess::readyReadStandardOutput, this, &ChildProcess::readLines);
  connect(&m_process, &QProcess::readyReadStandardError, this, &ChildProcess::readErrorLines);
  connect(&m_process, &QProcess::finished, this, &ChildProcess::finish);
  connect(&m_process, &QProcess::errorOccurred, this, [this](QProcess::ProcessError error) {
    if (error != QProcess::FailedToStart) return;
    ChildEnd end;
    end.started = false;
    end.errorText =
        tr("%1 could not be started: %2").arg(m_process.program(), m_process.errorString());
    emit ended(end);
  });
}

ChildProcess::~ChildProcess() {
  if (!running()) return;
  m_process.disconnect(this);
  stop();
  if (m_process.waitForFinished(kLastMomentMs)) return;
  kill();
  m_process.waitForFinished(kLastMomentMs);
}

void ChildProcess::start(const ChildCall& call) {
  m_stopped = false;
  m_killed = false;
  m_pid = 0;
  m_errorTail.clear();
  m_process.start(call.program, call.arguments, QIODevice::ReadOnly);
}

void ChildProcess::stop() {
  if (!running()) return;
  if (m_stopped) return kill();
  m_stopped = true;
  m_graceTimer.start(m_grace);
  if (m_pid > 0) ::kill(static_cast<pid_t>(m_pid), SIGINT);
}

void ChildProcess::kill() {
  if (!running()) return;
  m_killed = true;
  if (m_pid > 0) ::kill(-static_cast<pid_t>(m_pid), SIGKILL);
  m_process.kill();
}

void ChildProcess::readLines() {
  m_process.setReadChannel(QProcess::StandardOutput);
  while (m_process.canReadLine()) emit line(withoutEnd(m_process.readLine()));
}

void ChildProcess::readErrorLines() {
  m_process.setReadChannel(QProcess::StandardError);
  while (m_process.canReadLine()) {
    const QByteArray text = m_process.readLine();
    m_errorTail = (m_errorTail + text).right(kErrorTail);
    emit errorLine(withoutEnd(text));
  }
  m_process.setReadChannel(QProcess::StandardOutput);
}

void ChildProcess::finish(int exitCode, QProcess::ExitStatus status) {
  m_graceTimer.stop();
  readErrorLines();
  readLines();
  // What came without an end of line.
  if (const QByteArray rest = m_process.readAllStandardOutput(); !rest.isEmpty()) emit line(rest);
  m_errorTail += m_process.readAllStandardError();
  ChildEnd end;
  end.stopped = m_stopped;
  end.killed = m_killed;
  // Of a crash QProcess gives the signal as the exit code.
  (status == QProcess::CrashExit ? end.signal : end.exitCode) = exitCode;
  end.errorText = QString::fromUtf8(m_errorTail).trimmed();
  emit ended(end);
}

}  // namespace caracal::ui
