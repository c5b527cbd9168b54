// The export dialog: target, what the target cannot hold, what it will do instead, and the files.
#pragma once

#include <QDialog>

#include "app/ui/jobs/job_board.h"
#include "app/ui/plan/plan_session.h"
#include "app/ui/theme/palette.h"
#include "core/export/exporter.h"

class QComboBox;
class QLabel;
class QLineEdit;
class QPlainTextEdit;
class QPushButton;

namespace caracal::ui {

class FigureTableView;

class ExportDialog : public QDialog {
  Q_OBJECT
 public:
  // REQUIRES session.ready(). Shows the plan as it is now.
  ExportDialog(JobBoard& jobs, const PlanSession& session, ThemeKind theme,
               QWidget* parent = nullptr);

 signals:
  void exported(const QString& folder);

 private:
  void prepare();
  void show(const exporter::ExportResult& result);
  void write();

  ProfilePtr m_profile;
  plan::Plan m_plan;
  ThemeKind m_theme;
  JobSlot m_slot;
  std::optional<exporter::ExportResult> m_result;
  QComboBox* m_target;
  QLineEdit* m_folder;
  QLabel* m_words;
  FigureTableView* m_losses;
  QPlainTextEdit* m_text;
  QPushButton* m_write;
};

}  // namespace caracal::ui
