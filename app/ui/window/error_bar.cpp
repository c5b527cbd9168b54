#include "app/ui/window/error_bar.h"

#include <QHBoxLayout>
#include <QLabel>
#include <QToolButton>

namespace caracal::ui {

ErrorBar::ErrorBar(QWidget* parent) : QFrame(parent), m_label(new QLabel(this)) {
  m_label->setWordWrap(true);
  m_label->setTextInteractionFlags(Qt::TextSelectableByMouse | Qt::TextSelectableByKeyboard);
  m_label->setTextFormat(Qt::PlainText);
  auto* close = new QToolButton(this);
  close->setText(QStringLiteral("\u2715"));
  close->setAutoRaise(true);
  close->setToolTip(tr("Close"));
  close->setAccessibleName(tr("Close message"));
  connect(close, &QToolButton::clicked, this, &QWidget::hide);
  auto* layout = new QHBoxLayout(this);
  layout->setContentsMargins(10, 4, 4, 4);
  layout->addWidget(m_label, 1);
  layout->addWidget(close, 0, Qt::AlignTop);
  hide();
}

void ErrorBar::show(const QString& words, Severity severity) {
  m_severity = severity;
  m_label->setText(words);
  recolour();
  QFrame::show();
}

QString ErrorBar::words() const {
  return m_label->text();
}

void ErrorBar::setTheme(ThemeKind kind) {
  m_theme = kind;
  recolour();
}

void ErrorBar::recolour() {
  const Theme& colours = theme(m_theme);
  const QColor edge = m_severity == Severity::kError ? colours.error : colours.warning;
  setStyleSheet(
      QStringLiteral("caracal--ui--ErrorBar { background: %1; border-left: 4px solid %2; }")
          .arg(colours.groupBand.name(), edge.name()));
}

}  // namespace caracal::ui
