#include "app/ui/panels/hits_panel.h"

#include <QHeaderView>
#include <QLabel>
#include <QTableView>
#include <QVBoxLayout>

#include "app/ui/panels/padded_cells.h"
#include "app/ui/qt_text.h"
#include "app/ui/timeline/block_text.h"
#include "app/ui/timeline/timeline_controller.h"
#include "core/base/format.h"

namespace caracal::ui {
namespace {

// "rank 3 > stream 7"
QString placeOf(const Scene& scene, uint32_t row) {
  QString words = QString::fromStdString(scene.rows[row].label);
  const uint32_t parent = scene.rows[row].parent;
  if (parent == kNoRow || scene.rows[parent].kind == RowKind::kRun) return words;
  return QString::fromStdString(scene.rows[parent].label) + QStringLiteral(" \u203a ") + words;
}

QString textOf(const Scene& scene, const BlockRef& ref, int column) {
  const Block block = blockOf(scene, ref);
  switch (column) {
    case HitsModel::kTime:
      return QString::fromStdString(formatDuration(block.beginNs));
    case HitsModel::kName: {
      if (!isBubble(block.style.paint)) return toQt(scene.runOf(ref.row).trace->name(block.source));
      std::string buffer;
      return toQt(blockText(scene, ref.row, block, buffer));
    }
    case HitsModel::kDuration:
      return QString::fromStdString(formatDuration(block.durationNs()));
    case HitsModel::kRow:
      return placeOf(scene, ref.row);
    default:
      return {};
  }
}

}  // namespace

HitsModel::HitsModel(TimelineController& controller, QObject* parent)
    : QAbstractTableModel(parent), m_controller(controller) {
  connect(&controller, &TimelineController::hitsChanged, this, &HitsModel::follow);
  follow();
}

void HitsModel::follow() {
  beginResetModel();
  m_rows = static_cast<int>(m_controller.hits().hits.size());
  endResetModel();
}

int HitsModel::rowCount(const QModelIndex& parent) const {
  return parent.isValid() ? 0 : m_rows;
}

int HitsModel::columnCount(const QModelIndex& parent) const {
  return parent.isValid() ? 0 : kColumnCount;
}

QVariant HitsModel::data(const QModelIndex& index, int role) const {
  const auto row = static_cast<size_t>(index.row());
  if (!index.isValid() || row >= m_controller.hits().hits.size()) return {};
  const bool number = index.column() == kTime || index.column() == kDuration;
  if (role == Qt::TextAlignmentRole) {
    const Qt::Alignment side = number ? Qt::AlignRight : Qt::AlignLeft;
    return static_cast<int>(side | Qt::AlignVCenter);
  }
  if (role != Qt::DisplayRole && role != Qt::ToolTipRole) return {};
  if (role == Qt::ToolTipRole && index.column() != kName) return {};
  return textOf(m_controller.scene(), m_controller.hits().hits[row], index.column());
}

QVariant HitsModel::headerData(int section, Qt::Orientation orientation, int role) const {
  if (orientation != Qt::Horizontal || role != Qt::DisplayRole) return {};
  switch (section) {
    case kTime:
      return tr("Start");
    case kName:
      return tr("Name");
    case kDuration:
      return tr("Duration");
    case kRow:
      return tr("Row");
    default:
      return {};
  }
}

HitsPanel::HitsPanel(TimelineController& controller, QWidget* parent)
    : QWidget(parent),
      m_controller(controller),
      m_model(new HitsModel(controller, this)),
      m_view(new QTableView(this)),
      m_caption(new QLabel(this)) {
  m_view->setModel(m_model);
  m_view->setItemDelegate(new PaddedCells(m_view));
  m_view->setSelectionBehavior(QAbstractItemView::SelectRows);
  m_view->setSelectionMode(QAbstractItemView::SingleSelection);
  m_view->setAlternatingRowColors(true);
  m_view->setShowGrid(false);
  m_view->setWordWrap(false);
  m_view->setFrameShape(QFrame::NoFrame);
  m_view->setAccessibleName(tr("Search results"));
  m_view->verticalHeader()->hide();
  m_view->verticalHeader()->setDefaultSectionSize(fontMetrics().height() + 6);
  m_view->horizontalHeader()->setSectionResizeMode(HitsModel::kName, QHeaderView::Stretch);
  m_view->horizontalHeader()->resizeSection(HitsModel::kRow, 260);
  m_caption->setContentsMargins(6, 4, 6, 2);
  auto* layout = new QVBoxLayout(this);
  layout->setContentsMargins(0, 0, 0, 0);
  layout->setSpacing(0);
  layout->addWidget(m_caption);
  layout->addWidget(m_view, 1);
  connect(m_view->selectionModel(), &QItemSelectionModel::currentRowChanged, this,
          [this](const QModelIndex& current) {
            if (current.isValid()) m_controller.goToHitNumber(current.row());
          });
  connect(&controller, &TimelineController::hitsChanged, this, &HitsPanel::refresh);
  connect(&controller, &TimelineController::overlayChanged, this, [this] {
    const int hit = m_controller.currentHit();
    if (hit >= 0 && m_view->currentIndex().row() != hit)
      m_view->setCurrentIndex(m_model->index(hit, 0));
  });
  refresh();
}

void HitsPanel::refresh() {
  const SearchHits& hits = m_controller.hits();
  if (hits.pattern.empty())
    return m_caption->setText(tr("Search with Ctrl+F or / to list what matches."));
  const QString pattern = QString::fromStdString(hits.pattern);
  if (hits.hits.size() == hits.total) {
    return m_caption->setText(
        tr("%L1 matches of %2").arg(static_cast<qlonglong>(hits.total)).arg(pattern));
  }
  m_caption->setText(tr("%L1 matches of %2, the first %L3 listed")
                         .arg(static_cast<qlonglong>(hits.total))
                         .arg(pattern)
                         .arg(static_cast<qlonglong>(hits.hits.size())));
}

}  // namespace caracal::ui
