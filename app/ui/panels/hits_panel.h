// Search results: every hit of the search line in time order. A click, or the arrow keys, go there;
// the hit that F3 is at is the selected row.
#pragma once

#include <QAbstractTableModel>
#include <QWidget>

class QLabel;
class QTableView;

namespace caracal::ui {

class TimelineController;

// Text is made when a row is shown: hits can be many.
class HitsModel : public QAbstractTableModel {
  Q_OBJECT
 public:
  enum Column { kTime, kName, kDuration, kRow, kColumnCount };
  // `controller` must outlive the model.
  explicit HitsModel(TimelineController& controller, QObject* parent = nullptr);

  int rowCount(const QModelIndex& parent = {}) const override;
  int columnCount(const QModelIndex& parent = {}) const override;
  QVariant data(const QModelIndex& index, int role) const override;
  QVariant headerData(int section, Qt::Orientation orientation, int role) const override;

 private:
  void follow();
  TimelineController& m_controller;
  int m_rows = 0;  // as the views know it
};

class HitsPanel : public QWidget {
  Q_OBJECT
 public:
  explicit HitsPanel(TimelineController& controller, QWidget* parent = nullptr);

 private:
  void refresh();
  TimelineController& m_controller;
  HitsModel* m_model;
  QTableView* m_view;
  QLabel* m_caption;
};

}  // namespace caracal::ui
