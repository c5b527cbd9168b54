// The calibration tab: starts and stops the calibrator, shows the constants it found, and offers to
// plan a model for them.
#pragma once

#include <QWidget>

#include "app/ui/measure/calibrator.h"
#include "app/ui/theme/palette.h"

class QLabel;
class QPushButton;
class QToolButton;

namespace caracal::ui {

class CommandLineBox;
class FigureTableView;

class CalibrationView : public QWidget {
  Q_OBJECT
 public:
  CalibrationView(Calibrator& calibrator, QWidget* parent = nullptr);
  void setSettings(const MeasureSettings& settings);
  void setTheme(ThemeKind kind);

 signals:
  // A model description, by path or shipped name, to be profiled for the calibrated hardware.
  void modelChosen(const QString& model, const QString& hardwareFile);

 private:
  void showState();
  void fillModels();
  void say(const QString& words);

  Calibrator& m_calibrator;
  MeasureSettings m_settings;
  QPushButton* m_start;
  QToolButton* m_use;
  QLabel* m_words;
  FigureTableView* m_table;
  CommandLineBox* m_command;
  ThemeKind m_theme = ThemeKind::kLight;
};

}  // namespace caracal::ui
