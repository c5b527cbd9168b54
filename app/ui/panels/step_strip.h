// Step strip: a bar for every step above the timeline, as high as the step is long; the median as a
// line, the longest step marked. A click selects a step and zooms to it; Ctrl and Shift choose
// several, which can be folded onto each other.
#pragma once

#include <QWidget>
#include <set>
#include <vector>

#include "app/ui/theme/palette.h"
#include "app/ui/timeline/step_bars.h"

class QToolButton;

namespace caracal::ui {

class TimelineController;

class StepStrip : public QWidget {
  Q_OBJECT
 public:
  // `controller` must outlive the strip. Hidden while the run has fewer than two steps.
  explicit StepStrip(TimelineController& controller, QWidget* parent = nullptr);
  void setTheme(ThemeKind kind);

  // Of the run that is shown in the strip, ascending; empty: none is chosen.
  std::vector<size_t> chosen() const { return {m_chosen.begin(), m_chosen.end()}; }
  uint32_t run() const { return m_run; }
  const StepBars& bars() const { return m_bars; }
  QRect barArea() const;

 signals:
  void foldRequested();  // the chosen steps; all when there are none
  void chosenChanged();

 protected:
  void paintEvent(QPaintEvent* event) override;
  void mousePressEvent(QMouseEvent* event) override;
  bool event(QEvent* event) override;

 private:
  void takeScene();
  void placeButton();
  QString describe(size_t step) const;
  void paintBars(QPainter& painter, const QRect& area, const Theme& theme) const;
  void paintMedian(QPainter& painter, const QRect& area, const Theme& theme) const;

  TimelineController& m_controller;
  ThemeKind m_theme = ThemeKind::kLight;
  uint32_t m_run = 0;
  StepBars m_bars;
  std::vector<int32_t> m_numbers;  // of the steps, the trace's own
  std::set<size_t> m_chosen;
  size_t m_anchor = 0;  // where Shift chooses from
  QToolButton* m_fold;
};

}  // namespace caracal::ui
