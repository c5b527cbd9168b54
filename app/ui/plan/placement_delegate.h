// The editor of a placement: a list of what exists, what is not legal now greyed with its reason as
// tooltip. Choosing one commits at once.
#pragma once

#include <QStyledItemDelegate>

namespace caracal::ui {

class PlacementDelegate : public QStyledItemDelegate {
  Q_OBJECT
 public:
  using QStyledItemDelegate::QStyledItemDelegate;
  QWidget* createEditor(QWidget* parent, const QStyleOptionViewItem& option,
                        const QModelIndex& index) const override;
  void setEditorData(QWidget* editor, const QModelIndex& index) const override;
  void setModelData(QWidget* editor, QAbstractItemModel* model,
                    const QModelIndex& index) const override;
};

}  // namespace caracal::ui
