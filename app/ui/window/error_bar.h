// A bar at the top of the window for what went wrong, in words. It blocks nothing; the user closes
// it, or the next message replaces it.
#pragma once

#include <QFrame>

#include "app/ui/theme/palette.h"

class QLabel;

namespace caracal::ui {

class ErrorBar : public QFrame {
  Q_OBJECT
 public:
  enum class Severity { kError, kNotice };
  explicit ErrorBar(QWidget* parent = nullptr);
  void show(const QString& words, Severity severity);
  void setTheme(ThemeKind kind);
  QString words() const;

 private:
  void recolour();
  QLabel* m_label;
  Severity m_severity = Severity::kError;
  ThemeKind m_theme = ThemeKind::kLight;
};

}  // namespace caracal::ui
