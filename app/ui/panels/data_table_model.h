// A table of core (analysis/data_table.h) as an item model: cells become text when they are shown,
// numbers sort as numbers, and what is not known comes last either way.
#pragma once

#include <QAbstractTableModel>
#include <memory>
#include <vector>

#include "core/analysis/data_table.h"

namespace caracal::ui {

class DataTableModel : public QAbstractTableModel {
  Q_OBJECT
 public:
  using Table = std::shared_ptr<const analysis::DataTable>;

  explicit DataTableModel(QObject* parent = nullptr) : QAbstractTableModel(parent) {}
  // In the table's own order; null: empty.
  void set(Table table);
  const Table& table() const { return m_table; }
  // Which row of the table is shown in `row`.
  size_t tableRow(int row) const { return m_order[static_cast<size_t>(row)]; }

  int rowCount(const QModelIndex& parent = {}) const override;
  int columnCount(const QModelIndex& parent = {}) const override;
  QVariant data(const QModelIndex& index, int role) const override;
  QVariant headerData(int section, Qt::Orientation orientation, int role) const override;
  void sort(int column, Qt::SortOrder order) override;

 private:
  Table m_table;
  std::vector<size_t> m_order;
};

// "longestWait" -> "longest wait".
QString spacedWords(std::string_view lowerCamel);

}  // namespace caracal::ui
