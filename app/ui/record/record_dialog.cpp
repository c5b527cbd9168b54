#include "app/ui/record/record_dialog.h"

#include <QDialogButtonBox>
#include <QDir>
#include <QFontDatabase>
#include <QLabel>
#include <QPlainTextEdit>
#include <QPushButton>
#include <QSignalBlocker>
#include <QVBoxLayout>

#include "app/runs/program.h"
#include "app/runs/shell_words.h"
#include "app/ui/measure/command_line_box.h"
#include "app/ui/qt_text.h"
#include "app/ui/record/record_form.h"
#include "core/recorder/log_format.h"

namespace caracal::ui {
namespace {

constexpr std::chrono::milliseconds kGrace{15000};  // logs become recordings in it
constexpr int kOutputLines = 20000;

}  // namespace

RecordDialog::RecordDialog(JobBoard& jobs, QWidget* parent)
    : QDialog(parent),
      m_jobs(jobs),
      m_recorderJob(jobs),
      m_child(kGrace),
      m_form(new RecordForm(this)),
      m_words(new QLabel(this)),
      m_line(new CommandLineBox(this)),
      m_output(new QPlainTextEdit(this)) {
  setWindowTitle(tr("Record a CUDA job"));
  resize(900, 680);
  m_words->setWordWrap(true);
  m_words->setTextInteractionFlags(Qt::TextSelectableByMouse);
  m_output->setReadOnly(true);
  m_output->setTabChangesFocus(true);
  m_output->setFont(QFontDatabase::systemFont(QFontDatabase::FixedFont));
  m_output->setMaximumBlockCount(kOutputLines);
  m_output->setAccessibleName(tr("Output of the command"));
  m_output->setPlaceholderText(tr("What the command prints appears here."));
  auto* layout = new QVBoxLayout(this);
  layout->addWidget(m_form);
  layout->addWidget(m_words);
  layout->addWidget(m_line);
  layout->addWidget(m_output, 1);
  makeButtons();
  connect(m_form, &RecordForm::changed, this, [this] {
    showState();
    emit settingsChanged();
  });
  connect(&m_child, &ChildProcess::line, this,
          [this](const QByteArray& text) { m_output->appendPlainText(QString::fromUtf8(text)); });
  connect(&m_child, &ChildProcess::errorLine, this,
          [this](const QByteArray& text) { m_output->appendPlainText(QString::fromUtf8(text)); });
  connect(&m_child, &ChildProcess::ended, this, &RecordDialog::finish);
  setSettings({});
}

void RecordDialog::makeButtons() {
  auto* buttons = new QDialogButtonBox(QDialogButtonBox::Close, this);
  m_record = buttons->addButton(tr("Record"), QDialogButtonBox::ActionRole);
  m_stop = buttons->addButton(tr("Stop"), QDialogButtonBox::ActionRole);
  m_open = buttons->addButton(tr("Open the recording"), QDialogButtonBox::ActionRole);
  m_record->setDefault(true);
  connect(m_record, &QPushButton::clicked, this, &RecordDialog::record);
  connect(m_stop, &QPushButton::clicked, this, &RecordDialog::stop);
  connect(m_open, &QPushButton::clicked, this, [this] { emit openRequested(m_recorded); });
  connect(buttons, &QDialogButtonBox::rejected, this, &QDialog::hide);
  layout()->addWidget(buttons);
}

void RecordDialog::setSettings(const RecordSettings& settings) {
  const QSignalBlocker quiet(this);
  m_form->setSettings(settings);
  showState();
}

RecordSettings RecordDialog::settings() const {
  return m_form->settings();
}

void RecordDialog::setProgram(const QString& path) {
  m_program = path;
  showState();
}

void RecordDialog::setRecorder(Result<device::RecorderReport> report) {
  m_recorder = std::move(report);
  showState();
}

void RecordDialog::setTheme(ThemeKind kind) {
  m_theme = kind;
  say(m_words->text(), m_isProblem);
}

void RecordDialog::showEvent(QShowEvent* event) {
  QDialog::showEvent(event);
  lookForRecorder();
}

// Loading CUPTI may take a while.
void RecordDialog::lookForRecorder() {
  if (m_recorder || m_recorderJob.running()) return;
  m_recorderJob.start<device::RecorderReport>(
      tr("Look for the recorder"),
      [](std::stop_token, const Progress&) { return device::queryRecorder(); },
      [this](Result<device::RecorderReport> report) { setRecorder(std::move(report)); });
}

Result<std::vector<std::string>> RecordDialog::next() const {
  std::string program = m_program.toStdString();
  if (program.empty()) {
    CARACAL_TRY(found, runs::findProgram("caracal"));
    program = found;
  }
  return recordWords(settings(), toQt(program));
}

QString RecordDialog::command() const {
  return m_line->command();
}

QString RecordDialog::words() const {
  return m_words->text();
}

void RecordDialog::showState() {
  const bool isRunning = running();
  m_stop->setEnabled(isRunning);
  m_stop->setText(m_child.stopping() ? tr("End at once") : tr("Stop"));
  m_open->setEnabled(!isRunning && !m_recorded.isEmpty());
  m_form->setNextFolder(nextRecordFolder());
  if (isRunning) {
    m_record->setEnabled(false);
    return m_line->setCommand(toQt(runs::shellText(m_running)));
  }
  const auto words = next();
  if (words) {
    m_line->setCommand(toQt(runs::shellText(*words)));
  } else {
    m_line->setProblem(toQt(words.error().text()));
  }
  if (!m_recorder) {
    m_record->setEnabled(false);
    return say(tr("Looking for the recorder."), false);
  }
  const auto usable = runs::usableRecorder(*m_recorder, settings().kinds);
  m_record->setEnabled(words && usable);
  if (!usable) return say(toQt(usable.error().text()), true);
  if (m_recorded.isEmpty())
    say(tr("Every process of the command that uses CUDA or NVTX is recorded."), false);
}

void RecordDialog::record() {
  if (running()) return;
  const auto words = next();
  if (!words) return say(toQt(words.error().text()), true);
  m_running = *words;
  m_runFolder = settings().folder.isEmpty() ? nextRecordFolder() : settings().folder;
  m_recorded.clear();
  m_output->setPlainText(QStringLiteral("$ ") + toQt(runs::shellText(m_running)));
  QStringList arguments;
  for (size_t w = 1; w < m_running.size(); ++w) arguments << toQt(m_running[w]);
  m_row =
      std::make_unique<JobRow>(m_jobs, tr("Record %1").arg(settings().command), [this] { stop(); });
  say(tr("Recording."), false);
  m_child.start({toQt(m_running.front()), arguments});
  if (running()) showState();
}

void RecordDialog::stop() {
  if (!running()) return;
  m_child.stop();
  say(tr("The command was asked to end; it is killed in %1 s.")
          .arg(std::chrono::duration<double>(m_child.grace()).count()),
      false);
  showState();
}

void RecordDialog::finish(const ChildEnd& end) {
  m_row.reset();
  const QStringList endings{QStringLiteral("*.sqlite"),
                            QStringLiteral("*") + QLatin1String(recorder::kLogSuffix)};
  const bool recorded = !QDir(m_runFolder).entryList(endings, QDir::Files).isEmpty();
  if (recorded) m_recorded = m_runFolder;
  showState();
  QString words;
  if (!end.started) {
    words = end.errorText;
  } else if (end.killed) {
    words = tr("The command did not end in time and was killed.");
  } else if (end.signal != 0) {
    words = tr("It was ended by signal %1.").arg(end.signal);
  } else if (end.clean()) {
    words = tr("The command has ended.");
  } else {
    words = tr("It ended with exit status %1; the output says why.").arg(end.exitCode);
  }
  words +=
      recorded ? tr(" The recording is in %1.").arg(m_runFolder) : tr(" Nothing was recorded.");
  say(words, !recorded);
  emit ended();
}

void RecordDialog::say(const QString& words, bool isProblem) {
  m_isProblem = isProblem;
  m_words->setText(words);
  m_words->setStyleSheet(isProblem ? QStringLiteral("color: %1").arg(theme(m_theme).error.name())
                                   : QString());
}

}  // namespace caracal::ui
