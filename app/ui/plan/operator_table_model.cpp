#include "app/ui/plan/operator_table_model.h"

#include "app/ui/plan/plan_edits.h"
#include "app/ui/qt_text.h"
#include "core/base/format.h"

namespace caracal::ui {
namespace {

QString kindWords(profile::OperatorKind kind) {
  switch (kind) {
    case profile::OperatorKind::kGemm:
      return OperatorTableModel::tr("GEMM");
    case profile::OperatorKind::kAttention:
      return OperatorTableModel::tr("attention");
    case profile::OperatorKind::kElementwise:
      return OperatorTableModel::tr("elementwise");
    case profile::OperatorKind::kNorm:
      return OperatorTableModel::tr("norm");
    case profile::OperatorKind::kCollective:
      return OperatorTableModel::tr("collective");
    case profile::OperatorKind::kView:
      return OperatorTableModel::tr("view");
  }
  return {};
}

}  // namespace

QString placementWords(plan::Placement placement) {
  switch (placement.kind) {
    case plan::PlacementKind::kDiscarded:
      return OperatorTableModel::tr("not kept");
    case plan::PlacementKind::kRetained:
      return OperatorTableModel::tr("retained");
    case plan::PlacementKind::kOnDemand:
      return OperatorTableModel::tr("recompute on demand");
    case plan::PlacementKind::kOffload:
      return OperatorTableModel::tr("offload");
    case plan::PlacementKind::kRepeated:
      return OperatorTableModel::tr("retained, run again on demand");
    case plan::PlacementKind::kWindow:
      break;
  }
  return OperatorTableModel::tr("recompute in %1")
      .arg(toQt(std::string(plan::name(placement.window))));
}

OperatorTableModel::OperatorTableModel(PlanSession& session, QObject* parent)
    : QAbstractTableModel(parent), m_session(session) {
  connect(&session, &PlanSession::planChanged, this, &OperatorTableModel::refresh);
  connect(&session, &PlanSession::profileChanged, this, &OperatorTableModel::refresh);
}

void OperatorTableModel::refresh() {
  beginResetModel();
  endResetModel();
}

void OperatorTableModel::show(int32_t stage, int32_t layer) {
  beginResetModel();
  m_stage = stage;
  m_layer = layer;
  endResetModel();
}

bool OperatorTableModel::valid() const {
  if (!m_session.ready() || m_stage < 0) return false;
  const auto& stages = m_session.plan().stages;
  if (static_cast<size_t>(m_stage) >= stages.size()) return false;
  return m_layer < stages[static_cast<size_t>(m_stage)].layerCount() &&
         stages[static_cast<size_t>(m_stage)].layerCount() > 0;
}

uint32_t OperatorTableModel::kindIndex() const {
  const plan::StagePlan& stage = m_session.plan().stages[static_cast<size_t>(m_stage)];
  return m_session.profile()->layers[static_cast<size_t>(stage.firstLayer + std::max(0, m_layer))];
}

const profile::LayerKind& OperatorTableModel::kind() const {
  return m_session.profile()->kinds[kindIndex()];
}

plan::Placement OperatorTableModel::placement(size_t op) const {
  const plan::StagePlan& stage = m_session.plan().stages[static_cast<size_t>(m_stage)];
  return stage.layers[static_cast<size_t>(std::max(0, m_layer))].placements[op];
}

bool OperatorTableModel::differs(size_t op) const {
  if (m_layer != kEveryLayer) return false;
  const plan::StagePlan& stage = m_session.plan().stages[static_cast<size_t>(m_stage)];
  for (int32_t l = 0; l < stage.layerCount(); ++l) {
    if (m_session.profile()->layers[static_cast<size_t>(stage.firstLayer + l)] != kindIndex())
      continue;
    if (!(stage.layers[static_cast<size_t>(l)].placements[op] == placement(op))) return true;
  }
  return false;
}

int OperatorTableModel::rowCount(const QModelIndex& parent) const {
  return parent.isValid() || !valid() ? 0 : static_cast<int>(kind().operators.size());
}

int OperatorTableModel::columnCount(const QModelIndex& parent) const {
  return parent.isValid() ? 0 : kColumnCount;
}

QVariant OperatorTableModel::text(size_t op, int column) const {
  const profile::Operator& of = kind().operators[op];
  switch (column) {
    case kName:
      return toQt(of.id);
    case kKind:
      return kindWords(of.kind);
    case kForward:
      return toQt(formatDuration(of.forwardNs));
    case kBackward:
      return toQt(formatDuration(of.backwardNs));
    case kBytes:
      return toQt(formatBytes(of.retainedBytes()));
    case kStageBytes: {
      const plan::StagePlan& stage = m_session.plan().stages[static_cast<size_t>(m_stage)];
      int64_t keptByLayers = 0;
      for (int32_t l = 0; l < stage.layerCount(); ++l) {
        if (m_session.profile()->layers[static_cast<size_t>(stage.firstLayer + l)] != kindIndex())
          continue;
        if (stage.layers[static_cast<size_t>(l)].placements[op].kept())
          keptByLayers += of.retainedBytes();
      }
      return toQt(formatBytes(keptByLayers * inFlight(m_session.plan(), m_stage)));
    }
    case kPlacement:
      return differs(op) ? tr("%1 (layers differ)").arg(placementWords(placement(op)))
                         : placementWords(placement(op));
    default:
      return {};
  }
}

QVariant OperatorTableModel::data(const QModelIndex& index, int role) const {
  if (!index.isValid() || !valid()) return {};
  const auto op = static_cast<size_t>(index.row());
  if (role == Qt::DisplayRole) return text(op, index.column());
  if (role == Qt::EditRole && index.column() == kPlacement)
    return toQt(plan::toText(placement(op)));
  if (role == Qt::TextAlignmentRole) {
    const bool number = index.column() >= kForward && index.column() <= kStageBytes;
    return static_cast<int>((number ? Qt::AlignRight : Qt::AlignLeft) | Qt::AlignVCenter);
  }
  if (role == kChoicesRole || role == kProblemsRole) {
    QStringList list;
    for (const PlacementChoice& choice : placementChoices(*m_session.profile(), m_session.plan(),
                                                          m_stage, m_layer, kindIndex(), op)) {
      list << (role == kChoicesRole ? toQt(plan::toText(choice.placement)) : toQt(choice.problem));
    }
    return list;
  }
  return {};
}

bool OperatorTableModel::setData(const QModelIndex& index, const QVariant& value, int role) {
  if (role != Qt::EditRole || index.column() != kPlacement || !valid()) return false;
  const auto placement = plan::placementFromText(value.toString().toStdString());
  if (!placement) return false;
  const auto op = static_cast<size_t>(index.row());
  const QString name = toQt(kind().operators[op].id);
  m_session.edit(withPlacement(*m_session.profile(), m_session.plan(), m_stage, m_layer,
                               kindIndex(), op, *placement),
                 tr("%1 on stage %2: %3").arg(name).arg(m_stage).arg(placementWords(*placement)));
  return true;
}

Qt::ItemFlags OperatorTableModel::flags(const QModelIndex& index) const {
  const Qt::ItemFlags base = QAbstractTableModel::flags(index);
  return index.isValid() && index.column() == kPlacement ? base | Qt::ItemIsEditable : base;
}

QVariant OperatorTableModel::headerData(int section, Qt::Orientation orientation, int role) const {
  if (orientation != Qt::Horizontal) return {};
  if (role == Qt::ToolTipRole) {
    if (section == kBytes) return tr("Bytes of one micro-batch and layer while retained");
    if (section == kStageBytes)
      return tr("Retained on this stage: all its layers and micro-batches in flight");
    return {};
  }
  if (role != Qt::DisplayRole) return {};
  switch (section) {
    case kName:
      return tr("Operator");
    case kKind:
      return tr("Kind");
    case kForward:
      return tr("Forward");
    case kBackward:
      return tr("Backward");
    case kBytes:
      return tr("Tensor");
    case kStageBytes:
      return tr("Retained on stage");
    case kPlacement:
      return tr("Placement");
    default:
      return {};
  }
}

}  // namespace caracal::ui
