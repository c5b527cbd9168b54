// Tables of `caracal analyze --table` in the window: the same rows and notes, made as a job when
// the panel is first seen, sortable, exported as the same CSV. A click on a row that is about an
// event goes there.
#pragma once

#include <QWidget>
#include <map>
#include <string>
#include <vector>

#include "app/ui/jobs/job_board.h"
#include "app/ui/panels/data_table_model.h"
#include "app/ui/workspace/workspace.h"

class QComboBox;
class QLabel;
class QTableView;

namespace caracal::ui {

class TablePanel : public QWidget {
  Q_OBJECT
 public:
  // `names`: which tables the panel offers, of analysis::tableKinds(). The others must outlive it.
  TablePanel(std::vector<std::string_view> names, JobBoard& jobs, Workspace& workspace,
             QWidget* parent = nullptr);
  static std::vector<std::string_view> everyName();

  void choose(std::string_view name);
  const DataTableModel& model() const { return *m_model; }
  QString words() const;  // caption: what the rows are, notes, or why there are none

 signals:
  // In trace `run` of the workspace.
  void eventChosen(const caracal::ui::RunPtr& run, caracal::trace::EventIndex event);
  void failed(const QString& words);

 protected:
  void showEvent(QShowEvent* event) override;

 private:
  void makeWidgets();
  void outdate();
  void refresh();
  void show(Result<DataTableModel::Table> table);
  void showWords(const QString& words);
  void goTo(int row);
  void saveCsv();

  std::vector<std::string_view> m_names;
  Workspace& m_workspace;
  JobSlot m_slot;
  RunPtr m_run;  // what the table is of
  bool m_current = false;
  DataTableModel* m_model;
  QComboBox* m_choice;
  QLabel* m_caption;
  QTableView* m_view;
};

}  // namespace caracal::ui
