#include "app/ui/panels/data_table_model.h"

#include <algorithm>
#include <cctype>
#include <numeric>

#include "app/ui/qt_text.h"

namespace caracal::ui {
namespace {

using analysis::Cell;

bool isNumber(const Cell& cell) {
  return std::holds_alternative<int64_t>(cell) || std::holds_alternative<double>(cell);
}
bool isKnown(const Cell& cell) {
  return !std::holds_alternative<std::monostate>(cell);
}
double numberOf(const Cell& cell) {
  if (const auto* whole = std::get_if<int64_t>(&cell)) return static_cast<double>(*whole);
  const auto* real = std::get_if<double>(&cell);
  return real == nullptr ? 0 : *real;
}
// Of two known cells of one column.
bool isLess(const Cell& a, const Cell& b) {
  const auto* wordA = std::get_if<std::string>(&a);
  const auto* wordB = std::get_if<std::string>(&b);
  if (wordA != nullptr && wordB != nullptr) return *wordA < *wordB;
  if (isNumber(a) && isNumber(b)) return numberOf(a) < numberOf(b);
  return a.index() < b.index();
}

// Exact times and sizes, where the text is rounded.
QVariant exactText(const Cell& cell, analysis::Unit unit) {
  const auto* whole = std::get_if<int64_t>(&cell);
  if (whole != nullptr && (unit == analysis::Unit::kNs || unit == analysis::Unit::kTime))
    return QStringLiteral("%1 ns").arg(*whole);
  if (whole != nullptr && unit == analysis::Unit::kBytes) return QStringLiteral("%1 B").arg(*whole);
  const auto* words = std::get_if<std::string>(&cell);
  return words != nullptr && words->size() > 40 ? QVariant(toQt(*words)) : QVariant();
}

}  // namespace

QString spacedWords(std::string_view lowerCamel) {
  const QString name =
      QString::fromLatin1(lowerCamel.data(), static_cast<qsizetype>(lowerCamel.size()));
  QString words;
  for (qsizetype i = 0; i < name.size(); ++i) {
    const bool begins = i > 0 && name[i].isUpper() && !name[i - 1].isUpper();
    const bool isWord = begins && i + 1 < name.size() && name[i + 1].isLower();
    if (begins) words += QLatin1Char(' ');
    words += isWord ? name[i].toLower() : name[i];
  }
  return words;
}

void DataTableModel::set(Table table) {
  beginResetModel();
  m_table = std::move(table);
  m_order.resize(m_table ? m_table->rows.size() : 0);
  std::iota(m_order.begin(), m_order.end(), size_t{0});
  endResetModel();
}

int DataTableModel::rowCount(const QModelIndex& parent) const {
  return parent.isValid() ? 0 : static_cast<int>(m_order.size());
}

int DataTableModel::columnCount(const QModelIndex& parent) const {
  return parent.isValid() || !m_table ? 0 : static_cast<int>(m_table->columns.size());
}

QVariant DataTableModel::data(const QModelIndex& index, int role) const {
  if (!index.isValid()) return {};
  const auto column = static_cast<size_t>(index.column());
  const Cell& cell = m_table->rows[tableRow(index.row())][column];
  const analysis::Unit unit = m_table->columns[column].unit;
  switch (role) {
    case Qt::DisplayRole:
      return toQt(analysis::toText(*m_table, tableRow(index.row()), column));
    case Qt::ToolTipRole:
      return isKnown(cell) ? exactText(cell, unit) : QVariant(tr("not known"));
    case Qt::TextAlignmentRole: {
      const Qt::Alignment side = isNumber(cell) ? Qt::AlignRight : Qt::AlignLeft;
      return static_cast<int>(side | Qt::AlignVCenter);
    }
    default:
      return {};
  }
}

QVariant DataTableModel::headerData(int section, Qt::Orientation orientation, int role) const {
  if (orientation != Qt::Horizontal || !m_table) return {};
  const auto column = static_cast<size_t>(section);
  if (role == Qt::DisplayRole) return spacedWords(analysis::heading(m_table->columns[column]));
  if (role == Qt::ToolTipRole) return toQt(m_table->columns[column].key);
  if (role == Qt::TextAlignmentRole) {
    const bool number = !m_table->rows.empty() && isNumber(m_table->rows.front()[column]);
    return static_cast<int>((number ? Qt::AlignRight : Qt::AlignLeft) | Qt::AlignVCenter);
  }
  return {};
}

void DataTableModel::sort(int column, Qt::SortOrder order) {
  if (!m_table || column < 0 || column >= columnCount()) return;
  emit layoutAboutToBeChanged({}, QAbstractItemModel::VerticalSortHint);
  std::vector<size_t> before = m_order;
  const auto cell = [&](size_t row) -> const Cell& {
    return m_table->rows[row][static_cast<size_t>(column)];
  };
  std::stable_sort(m_order.begin(), m_order.end(), [&](size_t a, size_t b) {
    if (isKnown(cell(a)) != isKnown(cell(b))) return isKnown(cell(a));
    if (!isKnown(cell(a))) return false;
    return order == Qt::AscendingOrder ? isLess(cell(a), cell(b)) : isLess(cell(b), cell(a));
  });
  // What was selected stays selected where it went.
  std::vector<int> place(m_order.size());
  for (size_t i = 0; i < m_order.size(); ++i) place[m_order[i]] = static_cast<int>(i);
  QModelIndexList to;
  const QModelIndexList from = persistentIndexList();
  for (const QModelIndex& index : from)
    to << this->index(place[before[static_cast<size_t>(index.row())]], index.column());
  changePersistentIndexList(from, to);
  emit layoutChanged({}, QAbstractItemModel::VerticalSortHint);
}

}  // namespace caracal::ui
