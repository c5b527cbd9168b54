#include "app/ui/measure/measure_run.h"

#include <csignal>
#include <cstring>

#include "app/ui/qt_text.h"

namespace caracal::ui {
namespace {

// Why a program failed: what it said, else what ended it.
QString reasonOf(const ChildEnd& end, const QString& said) {
  if (!end.started) return end.errorText;
  QString words = said.isEmpty() ? end.errorText : said;
  if (end.signal != 0) {
    const QString signal = MeasureRun::tr("caracal-run was ended by signal %1 (%2)")
                               .arg(end.signal)
                               .arg(QString::fromLocal8Bit(strsignal(end.signal)));
    return words.isEmpty() ? signal : MeasureRun::tr("%1: %2").arg(signal, words);
  }
  if (words.isEmpty())
    return MeasureRun::tr("caracal-run ended with exit code %1 and said nothing").arg(end.exitCode);
  return words;
}

}  // namespace

MeasureRun::MeasureRun(std::chrono::milliseconds grace, QObject* parent)
    : QObject(parent), m_child(grace) {
  connect(&m_child, &ChildProcess::line, this, &MeasureRun::take);
  connect(&m_child, &ChildProcess::errorLine, this,
          [this](const QByteArray& text) { emit said(QString::fromUtf8(text)); });
  connect(&m_child, &ChildProcess::ended, this, &MeasureRun::finish);
}

void MeasureRun::start(const QString& program, const QStringList& arguments) {
  m_error.clear();
  m_steps = 0;
  m_early = false;
  m_child.start({program, arguments});
}

void MeasureRun::take(const QByteArray& line) {
  emit said(QString::fromUtf8(line));
  const runs::RunEvent event =
      runs::parseRunLine({line.constData(), static_cast<size_t>(line.size())});
  if (const auto* start = std::get_if<runs::RunStart>(&event)) emit started(*start);
  if (const auto* step = std::get_if<runs::RunStep>(&event)) {
    ++m_steps;
    emit stepped(*step);
  }
  if (const auto* warning = std::get_if<runs::RunWarning>(&event))
    emit warned(toQt(warning->message));
  if (const auto* error = std::get_if<runs::RunError>(&event)) m_error = toQt(error->message);
  if (const auto* end = std::get_if<runs::RunEnd>(&event)) m_early = end->stoppedBySignal;
}

void MeasureRun::finish(const ChildEnd& end) {
  RunOutcome outcome;
  outcome.steps = m_steps;
  if (end.stopped && (m_early || end.killed || end.signal == SIGINT)) {
    outcome.kind = RunOutcome::Kind::kStopped;
    outcome.words = end.killed ? tr("The step that ran was not finished in time and was cut off.")
                               : tr("Stopped early.");
  } else if (!end.clean()) {
    outcome.kind = RunOutcome::Kind::kFailed;
    outcome.words = reasonOf(end, m_error);
  }
  emit ended(outcome);
}

}  // namespace caracal::ui
