#include "app/ui/panels/figure_table.h"

#include <QAction>
#include <QClipboard>
#include <QGuiApplication>
#include <QHeaderView>
#include <algorithm>

#include "app/ui/panels/padded_cells.h"
#include "app/ui/qt_text.h"
#include "core/base/format.h"

namespace caracal::ui {

namespace {

// Headings of several words take less room in lines: words up to about this many characters each.
constexpr qsizetype kHeadingLine = 14;

QString inLines(const QString& heading) {
  QString lines;
  qsizetype length = 0;
  for (const QString& part : heading.split(QLatin1Char(' '))) {
    const bool fits = length + 1 + part.size() <= kHeadingLine;
    if (!lines.isEmpty()) lines += fits ? QLatin1Char(' ') : QLatin1Char('\n');
    length = lines.isEmpty() || !fits ? part.size() : length + 1 + part.size();
    lines += part;
  }
  return lines;
}

}  // namespace

Cell word(const QString& text) {
  return {text, {}, {}, false, false};
}
Cell word(std::string_view text) {
  return word(toQt(text));
}
Cell number(const QString& text, const QString& toolTip) {
  return {text, toolTip, {}, true, false};
}
Cell duration(int64_t ns) {
  return number(QString::fromStdString(formatDuration(ns)), FigureTableModel::tr("%1 ns").arg(ns));
}
Cell bytes(int64_t count) {
  return number(QString::fromStdString(formatBytes(count)),
                FigureTableModel::tr("%1 B").arg(count));
}
Cell percent(double value) {
  return number(QString::fromStdString(formatPercent(value)));
}

void FigureTableModel::set(FigureTable table) {
  beginResetModel();
  m_table = std::move(table);
  endResetModel();
}

int FigureTableModel::rowCount(const QModelIndex& parent) const {
  return parent.isValid() ? 0 : static_cast<int>(m_table.rows.size());
}

int FigureTableModel::columnCount(const QModelIndex& parent) const {
  return parent.isValid() ? 0 : static_cast<int>(m_table.header.size());
}

QVariant FigureTableModel::data(const QModelIndex& index, int role) const {
  if (!index.isValid()) return {};
  const auto& row = m_table.rows[static_cast<size_t>(index.row())];
  if (static_cast<size_t>(index.column()) >= row.size()) return {};
  const Cell& cell = row[static_cast<size_t>(index.column())];
  switch (role) {
    case Qt::DisplayRole:
      return cell.text;
    case Qt::ToolTipRole:
      return cell.toolTip.isEmpty() ? QVariant() : cell.toolTip;
    case Qt::ForegroundRole:
      return cell.colour ? QVariant(*cell.colour) : QVariant();
    case Qt::TextAlignmentRole: {
      const Qt::Alignment side = cell.number ? Qt::AlignRight : Qt::AlignLeft;
      return static_cast<int>(side | Qt::AlignVCenter);
    }
    case Qt::FontRole: {
      if (!cell.strong) return {};
      QFont font;
      font.setBold(true);
      return font;
    }
    default:
      return {};
  }
}

QVariant FigureTableModel::headerData(int section, Qt::Orientation orientation, int role) const {
  if (orientation != Qt::Horizontal) return {};
  if (role == Qt::TextAlignmentRole) {
    const auto column = static_cast<size_t>(section);
    const bool number = !m_table.rows.empty() && column < m_table.rows.front().size() &&
                        m_table.rows.front()[column].number;
    return static_cast<int>((number ? Qt::AlignRight : Qt::AlignLeft) | Qt::AlignVCenter);
  }
  return role == Qt::DisplayRole ? QVariant(inLines(m_table.header.value(section))) : QVariant();
}

FigureTableView::FigureTableView(QWidget* parent)
    : QTableView(parent), m_model(new FigureTableModel(this)) {
  setModel(m_model);
  setItemDelegate(new PaddedCells(this));
  setHorizontalHeader(new PaddedHeader(this));
  setEditTriggers(QAbstractItemView::NoEditTriggers);
  setAlternatingRowColors(true);
  setShowGrid(false);
  setWordWrap(false);
  setFrameShape(QFrame::NoFrame);
  verticalHeader()->hide();
  verticalHeader()->setDefaultSectionSize(fontMetrics().height() + 6);
  horizontalHeader()->setStretchLastSection(true);
  auto* action = new QAction(tr("Copy"), this);
  action->setShortcut(QKeySequence::Copy);
  action->setShortcutContext(Qt::WidgetShortcut);
  connect(action, &QAction::triggered, this, &FigureTableView::copy);
  addAction(action);
  setContextMenuPolicy(Qt::ActionsContextMenu);
}

void FigureTableView::set(FigureTable table) {
  if (table == m_model->table()) return;
  const auto& rows = table.rows;
  // A number at the far edge of a wide window belongs to nothing: only words may take the rest.
  horizontalHeader()->setStretchLastSection(rows.empty() || rows.front().empty() ||
                                            !rows.front().back().number);
  m_model->set(std::move(table));
  resizeColumnsToContents();
}

QString FigureTableView::asText() const {
  std::vector<bool> selected(m_model->table().rows.size(), false);
  for (const QModelIndex& index : selectionModel()->selectedIndexes()) {
    selected[static_cast<size_t>(index.row())] = true;
  }
  const bool all = std::none_of(selected.begin(), selected.end(), [](bool s) { return s; });
  QString text = m_model->table().header.join(QLatin1Char('\t')) + QLatin1Char('\n');
  for (size_t r = 0; r < selected.size(); ++r) {
    if (!all && !selected[r]) continue;
    QStringList cells;
    for (const Cell& cell : m_model->table().rows[r]) cells << cell.text;
    text += cells.join(QLatin1Char('\t')) + QLatin1Char('\n');
  }
  return text;
}

void FigureTableView::copy() const {
  QGuiApplication::clipboard()->setText(asText());
}

}  // namespace caracal::ui
