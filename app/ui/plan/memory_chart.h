// Memory of every stage over the predicted step, with the budget as a line. Painted by hand.
#pragma once

#include <QWidget>
#include <memory>

#include "app/ui/plan/evaluation.h"
#include "app/ui/theme/palette.h"

namespace caracal::ui {

class MemoryChart : public QWidget {
  Q_OBJECT
 public:
  explicit MemoryChart(QWidget* parent = nullptr);
  void set(std::shared_ptr<const Evaluation> evaluation);
  void setTheme(ThemeKind kind);
  QSize minimumSizeHint() const override { return {220, 90}; }

 protected:
  void paintEvent(QPaintEvent* event) override;

 private:
  std::shared_ptr<const Evaluation> m_evaluation;
  ThemeKind m_theme = ThemeKind::kLight;
};

}  // namespace caracal::ui
