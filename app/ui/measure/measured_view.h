// A measurement beside its prediction: the table of errors, and the passes one above the other.
#pragma once

#include <QWidget>
#include <memory>

#include "app/ui/measure/measure_session.h"
#include "app/ui/theme/palette.h"

class QLabel;

namespace caracal::ui {

class FigureTableView;
class PassChart;

class FiguresView : public QWidget {
  Q_OBJECT
 public:
  explicit FiguresView(QWidget* parent = nullptr);
  void set(std::shared_ptr<const ComparedRun> run);
  void setTheme(ThemeKind kind);

 private:
  void show();
  std::shared_ptr<const ComparedRun> m_run;
  QLabel* m_words;
  FigureTableView* m_table;
  ThemeKind m_theme = ThemeKind::kLight;
};

class PassesView : public QWidget {
  Q_OBJECT
 public:
  explicit PassesView(QWidget* parent = nullptr);
  void set(std::shared_ptr<const ComparedRun> run);
  void setTheme(ThemeKind kind);
  PassChart& chart() { return *m_chart; }

 signals:
  // A pass of the measured run, to be brought into view.
  void passChosen(caracal::trace::EventIndex measuredEvent);

 private:
  void show();
  void choose(int pass);
  std::shared_ptr<const ComparedRun> m_run;
  PassChart* m_chart;
  FigureTableView* m_table;
  ThemeKind m_theme = ThemeKind::kLight;
};

// One line: the step's error, and what predictions on this profile are off by anyway.
QString comparisonWords(const ComparedRun& run);

}  // namespace caracal::ui
