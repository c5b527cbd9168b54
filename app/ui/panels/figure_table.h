// Figure tables: the one way panels show figures. A plain value, a model over it, and a view whose
// selection can be copied as tab-separated text.
#pragma once

#include <QAbstractTableModel>
#include <QColor>
#include <QTableView>
#include <optional>
#include <vector>

namespace caracal::ui {

struct Cell {
  QString text;
  QString toolTip;
  std::optional<QColor> colour;
  bool number = false;  // right-aligned
  bool strong = false;
  bool operator==(const Cell&) const = default;
};
Cell word(const QString& text);
Cell word(std::string_view text);
Cell number(const QString& text, const QString& toolTip = {});
Cell duration(int64_t ns);  // "1.23 ms", exact nanoseconds as tooltip
Cell bytes(int64_t bytes);  // "1.50 GiB", exact bytes as tooltip
Cell percent(double percent);

struct FigureTable {
  QStringList header;
  std::vector<std::vector<Cell>> rows;
  bool operator==(const FigureTable&) const = default;
};

class FigureTableModel : public QAbstractTableModel {
  Q_OBJECT
 public:
  explicit FigureTableModel(QObject* parent = nullptr) : QAbstractTableModel(parent) {}
  void set(FigureTable table);
  const FigureTable& table() const { return m_table; }

  int rowCount(const QModelIndex& parent = {}) const override;
  int columnCount(const QModelIndex& parent = {}) const override;
  QVariant data(const QModelIndex& index, int role) const override;
  QVariant headerData(int section, Qt::Orientation orientation, int role) const override;

 private:
  FigureTable m_table;
};

class FigureTableView : public QTableView {
  Q_OBJECT
 public:
  explicit FigureTableView(QWidget* parent = nullptr);
  void set(FigureTable table);
  const FigureTable& table() const { return m_model->table(); }
  // The selection, or everything when nothing is selected, as tab-separated lines with the header.
  QString asText() const;
  void copy() const;

 private:
  FigureTableModel* m_model;
};

}  // namespace caracal::ui
