#include "app/ui/measure/command_line_box.h"

#include <QClipboard>
#include <QFontDatabase>
#include <QGuiApplication>
#include <QHBoxLayout>
#include <QPlainTextEdit>
#include <QPushButton>

namespace caracal::ui {

CommandLineBox::CommandLineBox(QWidget* parent)
    : QWidget(parent), m_text(new QPlainTextEdit(this)), m_copy(new QPushButton(tr("Copy"), this)) {
  constexpr int kLines = 2;
  m_text->setReadOnly(true);
  m_text->setTabChangesFocus(true);
  m_text->setFont(QFontDatabase::systemFont(QFontDatabase::FixedFont));
  m_text->setLineWrapMode(QPlainTextEdit::WidgetWidth);
  m_text->setWordWrapMode(QTextOption::WrapAtWordBoundaryOrAnywhere);
  m_text->setFixedHeight(kLines * m_text->fontMetrics().lineSpacing() + 12);
  m_text->setAccessibleName(tr("Equivalent command line"));
  m_text->setToolTip(tr("Exactly what is run"));
  m_copy->setToolTip(tr("Copy the command line"));
  connect(m_copy, &QPushButton::clicked, this,
          [this] { QGuiApplication::clipboard()->setText(m_command); });
  auto* layout = new QHBoxLayout(this);
  layout->setContentsMargins(0, 0, 0, 0);
  layout->addWidget(m_text, 1);
  layout->addWidget(m_copy, 0, Qt::AlignTop);
  setCommand({});
}

void CommandLineBox::setCommand(const QString& command) {
  m_command = command;
  if (m_text->toPlainText() != command) m_text->setPlainText(command);
  m_copy->setEnabled(!command.isEmpty());
}

void CommandLineBox::setProblem(const QString& words) {
  m_command.clear();
  m_text->setPlainText(words);
  m_copy->setEnabled(false);
}

}  // namespace caracal::ui
