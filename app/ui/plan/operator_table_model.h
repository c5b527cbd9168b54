// The operators of one kind of layer on one stage, with their placements: editable.
#pragma once

#include <QAbstractTableModel>

#include "app/ui/plan/plan_session.h"

namespace caracal::ui {

class OperatorTableModel : public QAbstractTableModel {
  Q_OBJECT
 public:
  enum Column { kName, kKind, kForward, kBackward, kBytes, kStageBytes, kPlacement, kColumnCount };
  // For Qt::ItemDataRole: the placements of a row as QStringList of their document texts, and why
  // the ones that are not legal are not (same order, empty = legal).
  enum Role { kChoicesRole = Qt::UserRole, kProblemsRole };

  // `session` must outlive the model.
  explicit OperatorTableModel(PlanSession& session, QObject* parent = nullptr);

  // `layer` inside the stage, or kEveryLayer for all of the kind of the stage's first layer.
  void show(int32_t stage, int32_t layer);
  int32_t stage() const { return m_stage; }
  int32_t layer() const { return m_layer; }

  int rowCount(const QModelIndex& parent = {}) const override;
  int columnCount(const QModelIndex& parent = {}) const override;
  QVariant data(const QModelIndex& index, int role) const override;
  // A placement's document text ("window:fwd.mlp"); false for anything else.
  bool setData(const QModelIndex& index, const QVariant& value, int role) override;
  Qt::ItemFlags flags(const QModelIndex& index) const override;
  QVariant headerData(int section, Qt::Orientation orientation, int role) const override;

 private:
  bool valid() const;
  void refresh();
  uint32_t kindIndex() const;
  const profile::LayerKind& kind() const;
  // The first shown layer's placement; layers of the stage may differ.
  plan::Placement placement(size_t op) const;
  bool differs(size_t op) const;
  QVariant text(size_t op, int column) const;

  PlanSession& m_session;
  int32_t m_stage = 0;
  int32_t m_layer = -1;
};

// "retained", "hidden in fwd.mlp", "on demand", ...: for people.
QString placementWords(plan::Placement placement);

}  // namespace caracal::ui
