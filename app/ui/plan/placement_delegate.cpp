#include "app/ui/plan/placement_delegate.h"

#include <QComboBox>

#include "app/ui/plan/operator_table_model.h"

namespace caracal::ui {

QWidget* PlacementDelegate::createEditor(QWidget* parent, const QStyleOptionViewItem&,
                                         const QModelIndex& index) const {
  auto* box = new QComboBox(parent);
  const QStringList choices = index.data(OperatorTableModel::kChoicesRole).toStringList();
  const QStringList problems = index.data(OperatorTableModel::kProblemsRole).toStringList();
  for (int i = 0; i < choices.size(); ++i) {
    const auto placement = plan::placementFromText(choices[i].toStdString());
    if (!placement) continue;
    box->addItem(placementWords(*placement), choices[i]);
    const QString problem = problems.value(i);
    if (problem.isEmpty()) continue;
    box->setItemData(i, box->palette().color(QPalette::Disabled, QPalette::Text),
                     Qt::ForegroundRole);
    box->setItemData(i, tr("Not possible as the plan stands: %1").arg(problem), Qt::ToolTipRole);
  }
  connect(box, &QComboBox::activated, this, [this, box] {
    auto* self = const_cast<PlacementDelegate*>(this);
    emit self->commitData(box);
    emit self->closeEditor(box);
  });
  return box;
}

void PlacementDelegate::setEditorData(QWidget* editor, const QModelIndex& index) const {
  auto* box = static_cast<QComboBox*>(editor);
  box->setCurrentIndex(box->findData(index.data(Qt::EditRole)));
  box->showPopup();
}

void PlacementDelegate::setModelData(QWidget* editor, QAbstractItemModel* model,
                                     const QModelIndex& index) const {
  const auto* box = static_cast<QComboBox*>(editor);
  if (box->currentIndex() >= 0 && box->currentData() != index.data(Qt::EditRole)) {
    model->setData(index, box->currentData(), Qt::EditRole);
  }
}

}  // namespace caracal::ui
