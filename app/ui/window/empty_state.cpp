#include "app/ui/window/empty_state.h"

#include <QFileInfo>
#include <QHBoxLayout>
#include <QLabel>
#include <QPushButton>
#include <QVBoxLayout>

namespace caracal::ui {
namespace {

constexpr int kMostRecent = 6;

QString shortName(const QStringList& paths) {
  const QFileInfo first(paths.front());
  if (paths.size() == 1) return QStringLiteral("%1  (%2)").arg(first.fileName(), first.path());
  return EmptyState::tr("%1 and %n more  (%2)", nullptr, static_cast<int>(paths.size()) - 1)
      .arg(first.fileName(), first.path());
}

}  // namespace

EmptyState::EmptyState(QWidget* parent) : QWidget(parent), m_recent(new QVBoxLayout) {
  auto* title = new QLabel(tr("Open a run to see where its time goes"), this);
  QFont large = title->font();
  large.setPointSizeF(large.pointSizeF() * 1.6);
  title->setFont(large);
  auto* text =
      new QLabel(tr("Drop files or folders here: PyTorch (Kineto) traces, Nsight Systems SQLite "
                    "exports, op-level "
                    "pipeline traces, Caracal recordings, profiles, plans, or a .caracal project.\n"
                    "Several files dropped together are the ranks of one run."),
                 this);
  text->setWordWrap(true);
  text->setMaximumWidth(640);
  auto* open = new QPushButton(tr("Open files..."), this);
  auto* folder = new QPushButton(tr("Open a folder..."), this);
  open->setDefault(true);
  connect(open, &QPushButton::clicked, this, &EmptyState::openRequested);
  connect(folder, &QPushButton::clicked, this, &EmptyState::openFolderRequested);
  auto* buttons = new QHBoxLayout;
  buttons->addWidget(open);
  buttons->addWidget(folder);
  buttons->addStretch();
  auto* hint = new QLabel(tr("No trace at hand? `./dev demo` trains a small model on this machine "
                             "and opens the result."),
                          this);
  hint->setTextInteractionFlags(Qt::TextSelectableByMouse);
  auto* column = new QVBoxLayout;
  column->setSpacing(14);
  column->addStretch(2);
  column->addWidget(title);
  column->addWidget(text);
  column->addLayout(buttons);
  column->addWidget(hint);
  column->addLayout(m_recent);
  column->addStretch(3);
  auto* row = new QHBoxLayout(this);
  row->addStretch(1);
  row->addLayout(column, 2);
  row->addStretch(1);
}

void EmptyState::setRecent(const QList<QStringList>& recent) {
  while (QLayoutItem* item = m_recent->takeAt(0)) {
    delete item->widget();
    delete item;
  }
  if (recent.isEmpty()) return;
  m_recent->addWidget(new QLabel(tr("Recent:"), this));
  for (const QStringList& paths : recent.mid(0, kMostRecent)) {
    auto* button = new QPushButton(shortName(paths), this);
    button->setFlat(true);
    button->setStyleSheet(QStringLiteral("text-align: left; padding: 2px 6px;"));
    button->setToolTip(paths.join(QLatin1Char('\n')));
    connect(button, &QPushButton::clicked, this, [this, paths] { emit recentRequested(paths); });
    m_recent->addWidget(button);
  }
}

}  // namespace caracal::ui
