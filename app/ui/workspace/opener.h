// Opener: whatever the user opens goes through here: traces to the workspace, profiles, plans,
// model descriptions and projects to the plan session. Also makes the profile of a Caracal
// recording, and of a real pipeline once a model description is there. GUI thread only; the work is
// done by jobs.
#pragma once

#include <QObject>
#include <QStringList>
#include <map>

#include "app/ui/jobs/job_board.h"
#include "app/ui/plan/plan_session.h"
#include "app/ui/workspace/loaded_project.h"
#include "app/ui/workspace/workspace.h"

namespace caracal::ui {

class Opener : public QObject {
  Q_OBJECT
 public:
  // All three must outlive the opener.
  Opener(JobBoard& jobs, Workspace& workspace, PlanSession& session, QObject* parent = nullptr);

  // Traces among the paths are the ranks of one run; documents are opened one by one.
  void open(const QStringList& paths, Workspace::OpenMode mode);
  // Lets go of the runs, the profile with its plans, and the project.
  void closeAll();
  // The project that is open; empty: none.
  const QString& projectPath() const { return m_project; }
  bool projectWritable() const { return m_projectWritable; }
  // Keeps a measurement in the open project; does nothing without one.
  void keepMeasurement(const QString& recording, const plan::Plan& plan);
  // Keeps view state in the open project, as a job. False: there is none that can be written.
  bool keepState(const std::string& key, const std::string& value);
  // A profile of this model (a path or a shipped name) for a hardware document.
  void openModelOn(const QString& model, const QString& hardwareFile);

 signals:
  void opened(const QStringList& paths);
  void failed(const QString& words);
  void noticed(const QString& words);
  void projectOpened(const caracal::ui::LoadedProject& project);

 private:
  void openProject(const QString& path);
  void openProfile(const QString& path);
  void openPlan(const QString& path);
  void openPlans(const QStringList& paths);
  void openModel(const QString& path);
  void showProject(LoadedProject project);
  void profileFirstRun();
  void writeStates();
  void useProfile(Result<profile::Profile> profile, const QString& from);

  Workspace& m_workspace;
  PlanSession& m_session;
  JobSlot m_documentJob;
  JobSlot m_profileJob;
  JobSlot m_projectJob;
  // Of each project, by key: what waits while something is being written.
  std::map<QString, std::map<std::string, std::string>> m_unsavedStates;
  JobSlot m_stateJob;
  QString m_project;
  bool m_projectWritable = false;
  QStringList m_waitingPlans;  // named together with what brings their profile
};

}  // namespace caracal::ui
