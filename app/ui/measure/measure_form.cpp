#include "app/ui/measure/measure_form.h"

#include <QComboBox>
#include <QEvent>
#include <QFileDialog>
#include <QFormLayout>
#include <QHBoxLayout>
#include <QLabel>
#include <QLineEdit>
#include <QSignalBlocker>
#include <QSpinBox>
#include <QStandardItemModel>
#include <QToolButton>
#include <algorithm>
#include <thread>

#include "app/ui/qt_text.h"
#include "core/profile/link_text.h"

namespace caracal::ui {
namespace {

constexpr int kCudaItem = 1;
constexpr int kProcessesItem = 1;

// Greys an item of a box, with the reason.
void setPossible(QComboBox* box, int index, const QString& whyNot) {
  auto* item = qobject_cast<QStandardItemModel*>(box->model())->item(index);
  item->setEnabled(whyNot.isEmpty());
  item->setToolTip(whyNot);
}

QLabel* hint(QWidget* parent) {
  auto* label = new QLabel(parent);
  label->setWordWrap(true);
  label->setForegroundRole(QPalette::PlaceholderText);
  label->setTextInteractionFlags(Qt::TextSelectableByMouse);
  return label;
}

}  // namespace

MeasureForm::MeasureForm(JobBoard& jobs, QWidget* parent)
    : QWidget(parent),
      m_abilitiesJob(jobs),
      m_backend(new QComboBox(this)),
      m_backendHint(hint(this)),
      m_ranks(new QLabel(this)),
      m_ranksAre(new QComboBox(this)),
      m_ranksHint(hint(this)),
      m_clock(new QComboBox(this)),
      m_clockHint(hint(this)),
      m_steps(new QSpinBox(this)),
      m_folder(new QLineEdit(this)) {
  m_backend->addItem(tr("CPU"), QString());
  m_backend->addItem(tr("CUDA"), QStringLiteral("cuda"));
  m_ranks->setWordWrap(true);
  m_ranksAre->addItem(tr("threads of one process"), false);
  m_ranksAre->addItem(tr("processes under mpirun"), true);
  m_ranksAre->setToolTip(
      tr("Both give the same numbers on the CPU. On GPUs threads share one GPU, and each process "
         "needs one of its own."));
  const QString asking = tr("asking caracal-run");
  setPossible(m_backend, kCudaItem, asking);
  setPossible(m_ranksAre, kProcessesItem, asking);
  m_clock->addItem(tr("automatic"), QString());
  m_clock->addItem(tr("wall"), QStringLiteral("wall"));
  m_clock->addItem(tr("virtual"), QStringLiteral("virtual"));
  m_clock->setToolTip(
      tr("wall: ranks compute side by side, times are real. virtual: one operator at a time, its "
         "measured time moves its rank's clock; honest with more ranks than cores."));
  m_steps->setRange(1, 1'000'000);
  m_steps->setToolTip(tr("Training steps; the first warms up and is left out of medians"));
  makeRows();
  for (QComboBox* box : {m_backend, m_ranksAre, m_clock})
    connect(box, &QComboBox::currentIndexChanged, this, &MeasureForm::changed);
  connect(m_steps, &QSpinBox::valueChanged, this, &MeasureForm::changed);
  for (QLineEdit* edit : {m_tensor, m_pipeline, m_data, m_folder})
    connect(edit, &QLineEdit::textChanged, this, &MeasureForm::changed);
  m_backendHint->hide();  // until there is something to say
  m_ranksHint->hide();
  setProfile(nullptr);
}

void MeasureForm::makeRows() {
  auto* browse = new QToolButton(this);
  browse->setText(tr("..."));
  browse->setToolTip(tr("Choose the folder"));
  connect(browse, &QToolButton::clicked, this, [this] {
    const QString folder =
        QFileDialog::getExistingDirectory(this, tr("Folder for measurements"), m_folder->text());
    if (!folder.isEmpty()) m_folder->setText(folder);
  });
  m_folder->setPlaceholderText(defaultMeasureFolder());
  auto* folder = new QHBoxLayout;
  folder->addWidget(m_folder, 1);
  folder->addWidget(browse);
  auto* form = new QFormLayout(this);
  form->setContentsMargins(0, 0, 0, 0);
  form->setFieldGrowthPolicy(QFormLayout::ExpandingFieldsGrow);
  const auto addRow = [form](const QString& title, QWidget* field) {
    form->addRow(title, field);
    field->setAccessibleName(title);
  };
  addRow(tr("Backend"), m_backend);
  form->addRow(m_backendHint);
  addRow(tr("Ranks"), m_ranks);
  addRow(tr("Ranks are"), m_ranksAre);
  form->addRow(m_ranksHint);
  addRow(tr("Clock"), m_clock);
  form->addRow(m_clockHint);
  addRow(tr("Steps"), m_steps);
  m_tensor = linkRow(tr("Link in tensor groups"));
  m_pipeline = linkRow(tr("Link between stages"));
  m_data = linkRow(tr("Link between replicas"));
  form->addRow(tr("Folder"), folder);
  m_folder->setAccessibleName(tr("Folder"));
}

QLineEdit* MeasureForm::linkRow(const QString& title) {
  auto* edit = new QLineEdit(this);
  edit->setAccessibleName(title);
  edit->setToolTip(
      tr("Latency and bandwidth of the emulated link, such as 200us,2GB/s. Empty: the "
         "profile's link, so that prediction and run speak of one machine."));
  static_cast<QFormLayout*>(layout())->addRow(title, edit);
  return edit;
}

void MeasureForm::setSettings(const MeasureSettings& settings) {
  const QSignalBlocker quiet(this);
  m_backend->setCurrentIndex(std::max(0, m_backend->findData(settings.backend)));
  m_ranksAre->setCurrentIndex(settings.processes ? kProcessesItem : 0);
  m_clock->setCurrentIndex(std::max(0, m_clock->findData(settings.clock)));
  m_steps->setValue(settings.steps);
  m_tensor->setText(settings.tensorLink);
  m_pipeline->setText(settings.pipelineLink);
  m_data->setText(settings.dataLink);
  m_folder->setText(settings.folder);
}

MeasureSettings MeasureForm::settings() const {
  return {m_clock->currentData().toString(),
          m_steps->value(),
          m_tensor->text().trimmed(),
          m_pipeline->text().trimmed(),
          m_data->text().trimmed(),
          m_folder->text().trimmed(),
          m_backend->currentData().toString(),
          m_ranksAre->currentData().toBool()};
}

void MeasureForm::setProfile(const profile::Profile* profile) {
  setEnabled(profile != nullptr);
  m_clockHint->clear();
  if (profile == nullptr) return m_ranks->setText(tr("no plan yet"));
  showRanks(*profile);
  showLink(m_tensor, profile->tensorLink, profile->parallel.tensor);
  showLink(m_pipeline, profile->pipelineLink, profile->parallel.pipeline);
  showLink(m_data, profile->dataLink, profile->parallel.data);
}

void MeasureForm::showRanks(const profile::Profile& profile) {
  const profile::ParallelShape& parallel = profile.parallel;
  const int32_t ranks = parallel.ranks();
  const auto cores = static_cast<int32_t>(std::max(1U, std::thread::hardware_concurrency()));
  m_ranks->setText(tr("%1: pp %2, tp %3, dp %4")
                       .arg(ranks)
                       .arg(parallel.pipeline)
                       .arg(parallel.tensor)
                       .arg(parallel.data));
  m_ranks->setToolTip(tr("As the plan has them; another profile has other ranks."));
  m_clockHint->setText(
      ranks <= cores
          ? tr("%1 ranks, %2 cores: automatic takes the wall clock.").arg(ranks).arg(cores)
          : tr("%1 ranks share %2 cores: automatic takes the virtual clock; wall times would "
               "include waiting for a core.")
                .arg(ranks)
                .arg(cores));
}

void MeasureForm::showLink(QLineEdit* edit, const profile::Link& link, int32_t members) {
  edit->setEnabled(members > 1);
  edit->setPlaceholderText(members < 2               ? tr("nobody to talk to")
                           : link.bytesPerSecond > 0 ? toQt(profile::linkText(link))
                                                     : tr("caracal-run's own"));
}

void MeasureForm::showEvent(QShowEvent* event) {
  QWidget::showEvent(event);
  askWhatIsPossible();
}

void MeasureForm::resizeEvent(QResizeEvent* event) {
  QWidget::resizeEvent(event);
  fitHints();
}

// Words have changed and were laid out anew.
bool MeasureForm::event(QEvent* event) {
  const bool done = QWidget::event(event);
  if (event->type() == QEvent::LayoutRequest) fitHints();
  return done;
}

// A form layout gives wrapped text the height of its unwrapped width.
void MeasureForm::fitHints() {
  for (QLabel* label : {m_backendHint, m_ranksHint, m_clockHint, m_ranks})
    label->setMinimumHeight(std::max(0, label->heightForWidth(label->width())));
}

// Asking the driver may take a while.
void MeasureForm::askWhatIsPossible() {
  if (m_asked) return;
  m_asked = true;
  m_abilitiesJob.start<runs::RunAbilities>(
      tr("Ask what caracal-run can do"),
      [](std::stop_token stop, const Progress&) { return runs::askAbilities(std::move(stop)); },
      [this](const Result<runs::RunAbilities>& abilities) { setAbilities(abilities); });
}

void MeasureForm::setAbilities(const Result<runs::RunAbilities>& abilities) {
  m_asked = true;
  const std::string whyNothing = abilities ? "" : abilities.error().text();
  const QString whyNoCuda = toQt(abilities ? abilities->whyNoCuda : whyNothing);
  const QString whyNoProcesses = toQt(abilities ? abilities->whyNoProcesses : whyNothing);
  setPossible(m_backend, kCudaItem, whyNoCuda);
  setPossible(m_ranksAre, kProcessesItem, whyNoProcesses);
  QString gpus;
  for (const std::string& name : abilities ? abilities->gpus : std::vector<std::string>{})
    gpus += (gpus.isEmpty() ? "" : ", ") + toQt(name);
  m_backendHint->setText(whyNoCuda.isEmpty() ? gpus
                                             : tr("CUDA is not possible here: %1").arg(whyNoCuda));
  m_ranksHint->setText(whyNoProcesses.isEmpty()
                           ? QString()
                           : tr("Processes are not possible here: %1").arg(whyNoProcesses));
  m_backendHint->setVisible(!m_backendHint->text().isEmpty());
  m_ranksHint->setVisible(!m_ranksHint->text().isEmpty());
}

}  // namespace caracal::ui
