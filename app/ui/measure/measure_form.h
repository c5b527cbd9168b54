// The choices of a measurement: backend, ranks, clock, steps, links, folder. What is not possible
// here is greyed and says why.
#pragma once

#include <QWidget>

#include "app/runs/abilities.h"
#include "app/ui/jobs/job_board.h"
#include "app/ui/measure/measure_settings.h"
#include "core/profile/profile.h"

class QComboBox;
class QLabel;
class QLineEdit;
class QSpinBox;

namespace caracal::ui {

class MeasureForm : public QWidget {
  Q_OBJECT
 public:
  explicit MeasureForm(JobBoard& jobs, QWidget* parent = nullptr);
  void setSettings(const MeasureSettings& settings);
  MeasureSettings settings() const;
  // The job that is planned; null: none, nothing can be chosen.
  void setProfile(const profile::Profile* profile);
  // What caracal-run can do; asked for when the form is first seen.
  void setAbilities(const Result<runs::RunAbilities>& abilities);

 signals:
  void changed();

 protected:
  void showEvent(QShowEvent* event) override;
  void resizeEvent(QResizeEvent* event) override;
  bool event(QEvent* event) override;

 private:
  void makeRows();
  void fitHints();
  QLineEdit* linkRow(const QString& title);
  void showRanks(const profile::Profile& profile);
  void showLink(QLineEdit* edit, const profile::Link& link, int32_t members);
  void askWhatIsPossible();

  JobSlot m_abilitiesJob;
  bool m_asked = false;
  QComboBox* m_backend;
  QLabel* m_backendHint;
  QLabel* m_ranks;
  QComboBox* m_ranksAre;
  QLabel* m_ranksHint;
  QComboBox* m_clock;
  QLabel* m_clockHint;
  QSpinBox* m_steps;
  QLineEdit* m_tensor;
  QLineEdit* m_pipeline;
  QLineEdit* m_data;
  QLineEdit* m_folder;
};

}  // namespace caracal::ui
