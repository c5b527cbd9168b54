#include <gtest/gtest.h>

#include <QAbstractItemModelTester>
#include <QApplication>
#include <QComboBox>
#include <QMouseEvent>
#include <QSignalSpy>

#include "app/ui/plan/operator_table_model.h"
#include "app/ui/plan/partition_bar.h"
#include "app/ui/plan/placement_delegate.h"
#include "app/ui/plan/plan_edits.h"
#include "app/ui/plan/plan_panel.h"
#include "tests/app/ui/demo_profile.h"

namespace caracal::ui {
namespace {

class PlanWidgets : public testing::Test {
 protected:
  void SetUp() override {
    QSignalSpy spy(&m_session, &PlanSession::evaluated);
    m_session.setProfile(test::demoProfile());
    ASSERT_TRUE(spy.wait(10000));
  }
  JobBoard m_jobs;
  PlanSession m_session{m_jobs};
};

TEST_F(PlanWidgets, theOperatorTableShowsTheLayerAndEditsTheSession) {
  OperatorTableModel model(m_session);
  QAbstractItemModelTester tester(&model, QAbstractItemModelTester::FailureReportingMode::Warning);
  model.show(1, kEveryLayer);
  const auto& operators = m_session.profile()->kinds[0].operators;
  ASSERT_EQ(model.rowCount(), static_cast<int>(operators.size()));
  const int fc1 = m_session.profile()->kinds[0].indexOf("fc1");
  const QModelIndex cell = model.index(fc1, OperatorTableModel::kPlacement);
  EXPECT_TRUE(model.flags(cell) & Qt::ItemIsEditable);
  EXPECT_FALSE(model.flags(model.index(fc1, OperatorTableModel::kName)) & Qt::ItemIsEditable);
  EXPECT_TRUE(model.setData(cell, QStringLiteral("onDemand"), Qt::EditRole));
  EXPECT_FALSE(model.setData(cell, QStringLiteral("nonsense"), Qt::EditRole));
  EXPECT_EQ(model.data(model.index(fc1, OperatorTableModel::kPlacement), Qt::EditRole).toString(),
            QStringLiteral("onDemand"));
  EXPECT_EQ(m_session.undoStack().count(), 1);
  EXPECT_EQ(
      model.data(model.index(fc1, OperatorTableModel::kStageBytes), Qt::DisplayRole).toString(),
      QStringLiteral("0 B"));
}

TEST_F(PlanWidgets, layersThatDifferAreSaid) {
  OperatorTableModel model(m_session);
  model.show(0, 1);
  const int fc1 = m_session.profile()->kinds[0].indexOf("fc1");
  model.setData(model.index(fc1, OperatorTableModel::kPlacement), QStringLiteral("onDemand"),
                Qt::EditRole);
  model.show(0, kEveryLayer);
  EXPECT_TRUE(model.index(fc1, OperatorTableModel::kPlacement)
                  .data()
                  .toString()
                  .contains(QStringLiteral("layers differ")));
}

TEST_F(PlanWidgets, theEditorOffersEveryChoiceAndGreysTheIllegalOnes) {
  OperatorTableModel model(m_session);
  model.show(0, kEveryLayer);
  const QModelIndex cell = model.index(m_session.profile()->kinds[0].indexOf("softmax") < 0 ? 1 : 3,
                                       OperatorTableModel::kPlacement);
  PlacementDelegate delegate;
  QWidget parent;
  const std::unique_ptr<QWidget> editor(delegate.createEditor(&parent, {}, cell));
  const auto* box = static_cast<QComboBox*>(editor.get());
  const QStringList choices = cell.data(OperatorTableModel::kChoicesRole).toStringList();
  const QStringList problems = cell.data(OperatorTableModel::kProblemsRole).toStringList();
  ASSERT_EQ(box->count(), choices.size());
  for (int i = 0; i < box->count(); ++i) {
    EXPECT_EQ(box->itemData(i, Qt::ToolTipRole).isValid(), !problems[i].isEmpty())
        << choices[i].toStdString();
  }
}

TEST(PartitionBar, aDraggedBoundaryMovesWholeLayers) {
  PartitionBar bar;
  bar.resize(800, 46);
  bar.set({4, 4}, {});
  QSignalSpy edited(&bar, &PartitionBar::partitionEdited);
  const auto mouse = [&](QEvent::Type type, double x) {
    QMouseEvent event(type, QPointF(x, 20), QPointF(x, 20), Qt::LeftButton, Qt::LeftButton,
                      Qt::NoModifier);
    QApplication::sendEvent(&bar, &event);
  };
  mouse(QEvent::MouseButtonPress, 400);
  mouse(QEvent::MouseMove, 580);
  EXPECT_EQ(edited.count(), 0) << "not before the drag ends";
  mouse(QEvent::MouseButtonRelease, 580);
  ASSERT_EQ(edited.count(), 1);
  EXPECT_EQ(edited.front().front().value<std::vector<int32_t>>(), (std::vector<int32_t>{6, 2}));
}

TEST(PartitionBar, arrowKeysMoveTheChosenBoundary) {
  PartitionBar bar;
  bar.set({4, 4, 4}, {});
  QSignalSpy edited(&bar, &PartitionBar::partitionEdited);
  const auto press = [&](int key) {
    QKeyEvent event(QEvent::KeyPress, key, Qt::NoModifier);
    QApplication::sendEvent(&bar, &event);
  };
  press(Qt::Key_Down);
  press(Qt::Key_Down);
  press(Qt::Key_Left);
  ASSERT_EQ(edited.count(), 1);
  EXPECT_EQ(edited.front().front().value<std::vector<int32_t>>(), (std::vector<int32_t>{4, 3, 5}));
}

TEST_F(PlanWidgets, thePanelShowsWhatThePlanComesToInBothThemes) {
  PlanPanel panel(m_session);
  panel.resize(1400, 420);
  for (const ThemeKind kind : {ThemeKind::kLight, ThemeKind::kDark}) {
    panel.setTheme(kind);
    EXPECT_FALSE(panel.grab().isNull());
  }
  QSignalSpy spy(&m_session, &PlanSession::evaluated);
  m_session.edit(withBudget(m_session.plan(), 4096), QStringLiteral("budget"));
  ASSERT_TRUE(spy.wait(10000));
  m_session.setProfile(nullptr);
  EXPECT_FALSE(panel.grab().isNull());
}

}  // namespace
}  // namespace caracal::ui
