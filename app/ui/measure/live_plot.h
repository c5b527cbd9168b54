// Step times, loss and memory of a run while it goes on, each beside what was predicted of it.
// Painted by hand; where several steps share a column of pixels it shows their extremes.
#pragma once

#include <QWidget>
#include <vector>

#include "app/runs/run_progress.h"
#include "app/ui/theme/palette.h"

namespace caracal::ui {

// What is known before the first step.
struct ExpectedRun {
  int32_t steps = 0;
  int64_t predictedStepNs = 0;     // 0: unknown
  int64_t predictedPeakBytes = 0;  // of the fullest stage; 0: unknown
  int64_t budgetBytes = 0;         // 0: no limit
  bool operator==(const ExpectedRun&) const = default;
};

class LivePlot : public QWidget {
  Q_OBJECT
 public:
  explicit LivePlot(QWidget* parent = nullptr);
  void begin(const ExpectedRun& expected);
  void add(const runs::RunStep& step);
  // Origin of the figures, as the run says it: "measured", "emulated".
  void setTag(trace::Tag tag);
  void setTheme(ThemeKind kind);

  const std::vector<runs::RunStep>& steps() const { return m_steps; }
  QSize minimumSizeHint() const override { return {360, 130}; }

 protected:
  void paintEvent(QPaintEvent* event) override;
  bool event(QEvent* event) override;

 private:
  struct Pane;
  struct Scale;
  std::vector<Pane> panes() const;
  QRect areaOf(int pane) const;
  Scale scaleOf(const Pane& pane, const QRect& area) const;
  void paintPane(QPainter& painter, const Pane& pane, const QRect& area) const;
  void paintLines(QPainter& painter, const Pane& pane, const Scale& scale) const;
  void paintWords(QPainter& painter, const Pane& pane, const Scale& scale) const;
  int stepAt(const QRect& area, int x) const;  // -1: none
  double shownSteps() const;

  ExpectedRun m_expected;
  std::vector<runs::RunStep> m_steps;
  trace::Tag m_tag = trace::Tag::kMeasured;
  ThemeKind m_theme = ThemeKind::kLight;
};

}  // namespace caracal::ui
