// The record dialog: what to record of which command, the `caracal record` command that does it,
// its output while it runs, and its recording afterwards. Not modal: the window stays usable.
#pragma once

#include <QDialog>
#include <memory>
#include <optional>
#include <vector>

#include "app/ui/jobs/child_process.h"
#include "app/ui/jobs/job_board.h"
#include "app/ui/record/record_settings.h"
#include "app/ui/theme/palette.h"

class QLabel;
class QPlainTextEdit;
class QPushButton;

namespace caracal::ui {

class CommandLineBox;
class RecordForm;

class RecordDialog : public QDialog {
  Q_OBJECT
 public:
  explicit RecordDialog(JobBoard& jobs, QWidget* parent = nullptr);
  void setTheme(ThemeKind kind);
  void setSettings(const RecordSettings& settings);
  RecordSettings settings() const;
  // Instead of the caracal beside this program.
  void setProgram(const QString& path);
  // Instead of asking the recorder's library.
  void setRecorder(Result<device::RecorderReport> report);

  bool running() const { return m_child.running(); }
  // What runs, or would run now; empty where something is missing.
  QString command() const;
  QString words() const;  // what the dialog says of it
  void record();
  // Asks the command to end, and sees to it; a second call ends it at once.
  void stop();

 signals:
  void settingsChanged();
  void ended();
  void openRequested(const QString& folder);

 protected:
  void showEvent(QShowEvent* event) override;

 private:
  void makeButtons();
  void lookForRecorder();
  void showState();
  void finish(const ChildEnd& end);
  void say(const QString& words, bool isProblem);
  Result<std::vector<std::string>> next() const;

  JobBoard& m_jobs;
  JobSlot m_recorderJob;
  ChildProcess m_child;
  std::unique_ptr<JobRow> m_row;
  QString m_program;
  std::optional<Result<device::RecorderReport>> m_recorder;  // none: not asked yet
  std::vector<std::string> m_running;                        // words of what runs or ran last
  QString m_runFolder;                                       // of it
  QString m_recorded;                                        // folder of what was recorded last
  bool m_isProblem = false;
  ThemeKind m_theme = ThemeKind::kLight;

  RecordForm* m_form;
  QLabel* m_words;
  CommandLineBox* m_line;
  QPlainTextEdit* m_output;
  QPushButton* m_record;
  QPushButton* m_stop;
  QPushButton* m_open;
};

}  // namespace caracal::ui
