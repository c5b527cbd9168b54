#include "app/ui/plan/export_dialog.h"

#include <QComboBox>
#include <QDialogButtonBox>
#include <QDir>
#include <QFileDialog>
#include <QFontDatabase>
#include <QFormLayout>
#include <QHBoxLayout>
#include <QLabel>
#include <QLineEdit>
#include <QPlainTextEdit>
#include <QPushButton>
#include <QToolButton>
#include <QVBoxLayout>

#include "app/ui/panels/figure_table.h"
#include "app/ui/plan/plan_tables.h"
#include "app/ui/qt_text.h"

namespace caracal::ui {
namespace {

FigureTable lossTable(const std::vector<exporter::FieldLoss>& losses, const Theme& theme) {
  FigureTable table;
  table.header = {ExportDialog::tr("Part of the plan"), ExportDialog::tr("In the target"),
                  ExportDialog::tr("Why")};
  for (const exporter::FieldLoss& loss : losses) {
    Cell how = word(ExportDialog::tr("exactly"));
    if (loss.fidelity == exporter::Fidelity::kProjected)
      how = {ExportDialog::tr("approximated"), {}, theme.warning, false, false};
    if (loss.fidelity == exporter::Fidelity::kDropped)
      how = {ExportDialog::tr("not there"), {}, theme.error, false, false};
    Cell why = word(toQt(loss.words));
    why.toolTip = why.text;
    table.rows.push_back({word(toQt(loss.field)), how, why});
  }
  return table;
}

}  // namespace

ExportDialog::ExportDialog(JobBoard& jobs, const PlanSession& session, ThemeKind kind,
                           QWidget* parent)
    : QDialog(parent),
      m_profile(session.profile()),
      m_plan(session.plan()),
      m_theme(kind),
      m_slot(jobs) {
  setWindowTitle(tr("Export the plan"));
  setAttribute(Qt::WA_DeleteOnClose);
  resize(900, 620);
  m_target = new QComboBox(this);
  for (const std::string& target : exporter::targets()) m_target->addItem(toQt(target));
  m_folder = new QLineEdit(QDir::home().filePath(QStringLiteral("caracal-export")), this);
  auto* browse = new QToolButton(this);
  browse->setText(tr("..."));
  connect(browse, &QToolButton::clicked, this, [this] {
    const QString folder = QFileDialog::getExistingDirectory(
        this, tr("Folder for the exported files"), m_folder->text());
    if (!folder.isEmpty()) m_folder->setText(folder);
  });
  m_words = new QLabel(this);
  m_words->setWordWrap(true);
  m_losses = new FigureTableView(this);
  m_text = new QPlainTextEdit(this);
  m_text->setReadOnly(true);
  m_text->setFont(QFontDatabase::systemFont(QFontDatabase::FixedFont));
  auto* buttons = new QDialogButtonBox(QDialogButtonBox::Close, this);
  m_write = buttons->addButton(tr("Write files"), QDialogButtonBox::AcceptRole);
  m_write->setEnabled(false);
  connect(m_write, &QPushButton::clicked, this, &ExportDialog::write);
  connect(buttons, &QDialogButtonBox::rejected, this, &QDialog::reject);
  auto* folder = new QHBoxLayout;
  folder->addWidget(m_folder, 1);
  folder->addWidget(browse);
  auto* form = new QFormLayout;
  form->addRow(tr("Target"), m_target);
  form->addRow(tr("Folder"), folder);
  auto* layout = new QVBoxLayout(this);
  layout->addLayout(form);
  layout->addWidget(m_words);
  layout->addWidget(m_losses, 2);
  layout->addWidget(m_text, 3);
  layout->addWidget(buttons);
  connect(m_target, &QComboBox::currentTextChanged, this, &ExportDialog::prepare);
  prepare();
}

void ExportDialog::prepare() {
  m_write->setEnabled(false);
  m_words->setText(tr("Translating the plan..."));
  m_slot.start<exporter::ExportResult>(
      tr("Export"),
      [profile = m_profile, plan = m_plan, target = m_target->currentText().toStdString()](
          std::stop_token, const Progress&) {
        return exporter::exportPlan(target, *profile, plan);
      },
      [this](Result<exporter::ExportResult> result) {
        if (!result) return m_words->setText(toQt(result.error().text()));
        m_result = std::move(*result);
        show(*m_result);
      });
}

void ExportDialog::show(const exporter::ExportResult& result) {
  m_words->setText(tr("Keys as of %1 %2. As planned: %3. As the target will run it: %4.")
                       .arg(toQt(result.target), toQt(result.targetVersion),
                            predictionWords(result.planned), predictionWords(result.predicted)));
  m_losses->set(lossTable(result.losses, theme(m_theme)));
  QString text;
  if (!result.files.empty()) text = toQt(result.files.front().content);
  m_text->setPlainText(text);
  m_write->setEnabled(true);
}

void ExportDialog::write() {
  const QString folder = m_folder->text();
  if (!QDir().mkpath(folder)) return m_words->setText(tr("%1 could not be created.").arg(folder));
  const auto written = exporter::writeFiles(*m_result, folder.toStdString());
  if (!written) return m_words->setText(toQt(written.error().text()));
  emit exported(folder);
  accept();
}

}  // namespace caracal::ui
