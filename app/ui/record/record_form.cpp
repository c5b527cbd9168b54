#include "app/ui/record/record_form.h"

#include <QCheckBox>
#include <QDoubleSpinBox>
#include <QFileDialog>
#include <QFontDatabase>
#include <QFormLayout>
#include <QGridLayout>
#include <QHBoxLayout>
#include <QLineEdit>
#include <QPlainTextEdit>
#include <QToolButton>

#include "core/recorder/options.h"

namespace caracal::ui {
namespace {

constexpr int kKindColumns = 5;
constexpr int kEnvironmentLines = 3;

}  // namespace

RecordForm::RecordForm(QWidget* parent)
    : QWidget(parent),
      m_command(new QLineEdit(this)),
      m_folder(new QLineEdit(this)),
      m_steps(new QLineEdit(this)),
      m_seconds(new QDoubleSpinBox(this)),
      m_environment(new QPlainTextEdit(this)) {
  m_command->setPlaceholderText(tr("torchrun --nproc-per-node 8 train.py"));
  m_steps->setPlaceholderText(tr("all; or the first and the last, as in 10-13"));
  m_seconds->setRange(0, 1e6);
  m_seconds->setSuffix(tr(" s"));
  m_seconds->setSpecialValueText(tr("until the command ends"));
  m_environment->setTabChangesFocus(true);
  m_environment->setFont(QFontDatabase::systemFont(QFontDatabase::FixedFont));
  m_environment->setPlaceholderText(tr("NAME=value, one a line"));
  m_environment->setFixedHeight(kEnvironmentLines * m_environment->fontMetrics().lineSpacing() +
                                12);
  auto* form = new QFormLayout(this);
  form->setContentsMargins(0, 0, 0, 0);
  const auto addRow = [form](const QString& title, QWidget* field) {
    form->addRow(title, field);
    field->setAccessibleName(title);
  };
  addRow(tr("Command"), m_command);
  form->addRow(tr("Folder"), makeFolder());
  form->addRow(tr("Kinds"), makeKinds());
  addRow(tr("Steps"), m_steps);
  addRow(tr("Duration"), m_seconds);
  addRow(tr("Environment"), m_environment);
  connectFields();
}

QHBoxLayout* RecordForm::makeFolder() {
  auto* browse = new QToolButton(this);
  browse->setText(tr("..."));
  browse->setToolTip(tr("Choose the folder"));
  connect(browse, &QToolButton::clicked, this, [this] {
    const QString folder =
        QFileDialog::getExistingDirectory(this, tr("Folder for the recording"), m_folder->text());
    if (!folder.isEmpty()) m_folder->setText(folder);
  });
  m_folder->setAccessibleName(tr("Folder"));
  auto* row = new QHBoxLayout;
  row->addWidget(m_folder, 1);
  row->addWidget(browse);
  return row;
}

QGridLayout* RecordForm::makeKinds() {
  auto* grid = new QGridLayout;
  for (uint32_t kind = 1; !recorder::kindsText(kind).empty(); kind <<= 1) {
    auto* box = new QCheckBox(QString::fromStdString(recorder::kindsText(kind)), this);
    if (kind == recorder::kKindRuntime || kind == recorder::kKindDriver)
      box->setToolTip(tr("Host calls: launch delays; costs the most"));
    if (kind == recorder::kKindGraph)
      box->setToolTip(tr("CUDA graphs whole instead of kernel by kernel"));
    const int at = static_cast<int>(m_kinds.size());
    grid->addWidget(box, at / kKindColumns, at % kKindColumns);
    m_kinds.emplace_back(kind, box);
  }
  return grid;
}

void RecordForm::connectFields() {
  for (QLineEdit* edit : {m_command, m_folder, m_steps})
    connect(edit, &QLineEdit::textChanged, this, &RecordForm::changed);
  connect(m_seconds, &QDoubleSpinBox::valueChanged, this, &RecordForm::changed);
  connect(m_environment, &QPlainTextEdit::textChanged, this, &RecordForm::changed);
  for (const auto& [kind, box] : m_kinds)
    connect(box, &QCheckBox::toggled, this, &RecordForm::changed);
}

void RecordForm::setSettings(const RecordSettings& settings) {
  m_command->setText(settings.command);
  m_folder->setText(settings.folder);
  for (const auto& [kind, box] : m_kinds) box->setChecked((settings.kinds & kind) != 0);
  m_steps->setText(settings.steps);
  m_seconds->setValue(settings.seconds);
  m_environment->setPlainText(settings.environment);
}

RecordSettings RecordForm::settings() const {
  RecordSettings settings;
  settings.command = m_command->text().trimmed();
  settings.folder = m_folder->text().trimmed();
  settings.kinds = 0;
  for (const auto& [kind, box] : m_kinds) settings.kinds |= box->isChecked() ? kind : 0;
  settings.steps = m_steps->text().trimmed();
  settings.seconds = m_seconds->value();
  settings.environment = m_environment->toPlainText();
  return settings;
}

void RecordForm::setNextFolder(const QString& folder) {
  m_folder->setPlaceholderText(folder);
}

}  // namespace caracal::ui
