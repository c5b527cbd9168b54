// Predicted above measured, stage by stage and pass by pass, over one pipeline window. A pass is
// chosen with the mouse or the arrow keys; its figures are in the tooltip and in passTable(), the
// chart's twin for those who cannot see it.
#pragma once

#include <QWidget>
#include <vector>

#include "app/ui/panels/figure_table.h"
#include "app/ui/theme/palette.h"
#include "core/analysis/pass_differences.h"

namespace caracal::ui {

struct ComparedPasses {
  std::vector<analysis::PassDifference> passes;  // by stage, then by time
  trace::Tag predictedTag = trace::Tag::kSimulated;
  trace::Tag measuredTag = trace::Tag::kMeasured;
};

class PassChart : public QWidget {
  Q_OBJECT
 public:
  explicit PassChart(QWidget* parent = nullptr);
  void set(ComparedPasses passes);
  void setTheme(ThemeKind kind);
  // -1: none. Emits chosen() when it changes.
  void choose(int pass);
  int chosenPass() const { return m_chosen; }

  QSize minimumSizeHint() const override { return {320, 120}; }

 signals:
  void chosen(int pass);

 protected:
  void paintEvent(QPaintEvent* event) override;
  void mousePressEvent(QMouseEvent* event) override;
  void keyPressEvent(QKeyEvent* event) override;
  bool event(QEvent* event) override;

 private:
  struct Layout;
  Layout layOut() const;
  int passAt(QPoint place) const;
  void paintPass(QPainter& painter, const QRectF& box, size_t pass) const;

  ComparedPasses m_passes;
  int m_chosen = -1;
  ThemeKind m_theme = ThemeKind::kLight;
};

// "F3 of stage 1": pass, micro-batch and, where there are several, chunk.
QString passWords(const analysis::PassDifference& pass);
// One row a pass: begin and duration, predicted and measured, and the errors.
FigureTable passTable(const ComparedPasses& passes, const Theme& theme);

}  // namespace caracal::ui
