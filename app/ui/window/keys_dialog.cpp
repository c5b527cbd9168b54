#include "app/ui/window/keys_dialog.h"

#include <QDialogButtonBox>
#include <QFormLayout>
#include <QHeaderView>
#include <QKeySequenceEdit>
#include <QLabel>
#include <QPushButton>
#include <QTableWidget>
#include <QVBoxLayout>

#include "app/ui/window/action_table.h"

namespace caracal::ui {
namespace {

QString gestures() {
  return KeysDialog::tr(
      "<b>Mouse</b><br>"
      "wheel: rows &nbsp; Ctrl+wheel: zoom &nbsp; Shift+wheel: pan<br>"
      "drag: select a range, snapped to block edges (Alt: not snapped)<br>"
      "Shift+drag or middle drag: pan &nbsp; click: select &nbsp; double click: zoom to the block");
}

}  // namespace

KeysDialog::KeysDialog(ActionBook& actions, QWidget* parent)
    : QDialog(parent), m_actions(actions), m_table(new QTableWidget(this)) {
  setWindowTitle(tr("Keys and gestures"));
  resize(620, 640);
  m_table->setColumnCount(2);
  m_table->setHorizontalHeaderLabels({tr("Action"), tr("Keys (double click to change)")});
  m_table->horizontalHeader()->setSectionResizeMode(0, QHeaderView::Stretch);
  m_table->horizontalHeader()->resizeSection(1, 220);
  m_table->verticalHeader()->hide();
  m_table->setEditTriggers(QAbstractItemView::NoEditTriggers);
  m_table->setSelectionBehavior(QAbstractItemView::SelectRows);
  connect(m_table, &QTableWidget::cellDoubleClicked, this, [this](int row, int) { edit(row); });
  auto* words = new QLabel(gestures(), this);
  auto* buttons = new QDialogButtonBox(QDialogButtonBox::Close, this);
  auto* reset = buttons->addButton(tr("Default keys"), QDialogButtonBox::ResetRole);
  connect(reset, &QPushButton::clicked, this, [this] {
    m_actions.resetKeys();
    fill();
    emit keysChanged();
  });
  connect(buttons, &QDialogButtonBox::rejected, this, &QDialog::reject);
  auto* layout = new QVBoxLayout(this);
  layout->addWidget(words);
  layout->addWidget(m_table, 1);
  layout->addWidget(buttons);
  fill();
}

void KeysDialog::fill() {
  const auto& table = actionTable();
  m_table->setRowCount(static_cast<int>(table.size()));
  for (int row = 0; row < m_table->rowCount(); ++row) {
    const ActionSpec& spec = table[static_cast<size_t>(row)];
    const QString keys =
        QKeySequence::listToString(m_actions.keysOf(spec.id), QKeySequence::NativeText);
    m_table->setItem(row, 0, new QTableWidgetItem(m_actions[spec.id]->text()));
    m_table->setItem(row, 1, new QTableWidgetItem(keys));
  }
}

void KeysDialog::edit(int row) {
  const ActionSpec& spec = actionTable()[static_cast<size_t>(row)];
  QDialog dialog(this);
  dialog.setWindowTitle(m_actions[spec.id]->text());
  auto* input = new QKeySequenceEdit(m_actions.keysOf(spec.id).value(0), &dialog);
  auto* problem = new QLabel(&dialog);
  auto* buttons = new QDialogButtonBox(QDialogButtonBox::Ok | QDialogButtonBox::Cancel, &dialog);
  auto* form = new QFormLayout(&dialog);
  form->addRow(tr("New keys"), input);
  form->addRow(problem);
  form->addRow(buttons);
  connect(buttons, &QDialogButtonBox::rejected, &dialog, &QDialog::reject);
  connect(buttons, &QDialogButtonBox::accepted, &dialog, [&] {
    QList<QKeySequence> keys;
    if (!input->keySequence().isEmpty()) keys << input->keySequence();
    const std::string taken = m_actions.setKeys(spec.id, keys);
    if (taken.empty()) return dialog.accept();
    problem->setText(tr("Used already by \"%1\".").arg(m_actions[taken]->text()));
  });
  if (dialog.exec() != QDialog::Accepted) return;
  fill();
  emit keysChanged();
}

}  // namespace caracal::ui
