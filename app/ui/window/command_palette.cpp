#include "app/ui/window/command_palette.h"

#include <QKeyEvent>
#include <QLineEdit>
#include <QListWidget>
#include <QVBoxLayout>

#include "app/ui/window/action_table.h"

namespace caracal::ui {
namespace {

// Every word of the query occurs somewhere: "zoom sel" finds "Zoom to the selection".
bool matches(const QString& text, const QString& query) {
  for (const QString& word : query.split(QLatin1Char(' '), Qt::SkipEmptyParts)) {
    if (!text.contains(word, Qt::CaseInsensitive)) return false;
  }
  return true;
}

}  // namespace

CommandPalette::CommandPalette(ActionBook& actions, QWidget* parent)
    : QDialog(parent),
      m_actions(actions),
      m_input(new QLineEdit(this)),
      m_list(new QListWidget(this)) {
  setWindowTitle(tr("Command palette"));
  resize(520, 380);
  m_input->setPlaceholderText(tr("Type what you want to do"));
  m_input->installEventFilter(this);
  auto* layout = new QVBoxLayout(this);
  layout->addWidget(m_input);
  layout->addWidget(m_list, 1);
  connect(m_input, &QLineEdit::textChanged, this, &CommandPalette::filter);
  connect(m_input, &QLineEdit::returnPressed, this, &CommandPalette::run);
  connect(m_list, &QListWidget::itemActivated, this, &CommandPalette::run);
  filter({});
}

void CommandPalette::filter(const QString& text) {
  m_list->clear();
  for (const ActionSpec& spec : actionTable()) {
    const QAction* action = m_actions[spec.id];
    if (!action->isEnabled() || !matches(action->text(), text)) continue;
    const QString keys = QKeySequence::listToString(action->shortcuts(), QKeySequence::NativeText);
    auto* item = new QListWidgetItem(
        keys.isEmpty() ? action->text() : tr("%1    (%2)").arg(action->text(), keys), m_list);
    item->setData(Qt::UserRole, QLatin1String(spec.id));
  }
  m_list->setCurrentRow(0);
}

bool CommandPalette::eventFilter(QObject* watched, QEvent* event) {
  if (watched == m_input && event->type() == QEvent::KeyPress) {
    const int key = static_cast<QKeyEvent*>(event)->key();
    if (key == Qt::Key_Down || key == Qt::Key_Up) {
      const int row = m_list->currentRow() + (key == Qt::Key_Down ? 1 : -1);
      m_list->setCurrentRow(qBound(0, row, m_list->count() - 1));
      return true;
    }
  }
  return QDialog::eventFilter(watched, event);
}

void CommandPalette::run() {
  const QListWidgetItem* item = m_list->currentItem();
  if (item == nullptr) return;
  const std::string id = item->data(Qt::UserRole).toString().toStdString();
  accept();
  m_actions[id]->trigger();
}

}  // namespace caracal::ui
