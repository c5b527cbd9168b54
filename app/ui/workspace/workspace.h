// Workspace: what is open. Loads runs as jobs, keeps them in order, adds the current prediction
// below them, and hands the timeline a new scene whenever that changes. GUI thread only.
#pragma once

#include <QObject>
#include <QStringList>
#include <memory>
#include <optional>
#include <vector>

#include "app/ui/jobs/job_board.h"
#include "app/ui/timeline/fold_steps.h"
#include "app/ui/timeline/timeline_controller.h"
#include "app/ui/workspace/loaded_run.h"

namespace caracal::ui {

using RunPtr = std::shared_ptr<const LoadedRun>;

class Workspace : public QObject {
  Q_OBJECT
 public:
  Workspace(JobBoard& jobs, TimelineController& timeline, QObject* parent = nullptr);

  enum class OpenMode { kReplace, kAdd };
  // Files of one run; folders hold one run each. Recordings that do not belong together become runs
  // of their own. Reports by runsChanged() or failed().
  void open(const QStringList& paths, OpenMode mode);
  void add(RunPtr run, OpenMode mode);
  void close(size_t run);
  void closeAll();

  const std::vector<RunPtr>& runs() const { return m_runs; }
  // The run that panels describe: the selected block's, else the first; null when nothing is open.
  RunPtr currentRun() const;
  // Whether LoadedRun::prepared of a run is still being made.
  bool isComparing() const { return m_compare.running(); }
  // Trace time = scene time - shift, for a run of the scene.
  int64_t shiftOf(size_t run) const;

  // The predicted timeline below the measured one, understood as a job.
  void setPrediction(std::string name, std::shared_ptr<const trace::Trace> trace);
  void clearPrediction() { showPrediction(nullptr); }
  const RunPtr& prediction() const { return m_prediction; }

  // Whether pipelines are shown by stage or all ranks in order.
  void setGrouping(Grouping grouping);
  Grouping grouping() const { return m_grouping; }
  // Shows chosen steps below each other instead of the whole runs; unfold() brings those back.
  void foldSteps(const FoldRequest& request);
  void unfold();
  // Brings an event of a run into view. False: it is not drawn.
  bool reveal(const RunPtr& run, trace::EventIndex event);

 signals:
  void runsChanged();
  void predictionChanged();
  // A run has got what its ranks have in common (LoadedRun::prepared), or that was stopped.
  void ranksCompared();
  void opened(const QStringList& paths);
  void failed(const QString& words);
  void noticed(const QString& words);  // loaded, but something is worth saying

 private:
  void loaded(const QStringList& paths, OpenMode mode, Result<std::vector<LoadedRun>> runs);
  void showPrediction(RunPtr prediction);
  // Whether the files of runs from the cache still have the content they had, one run after the
  // other.
  void checkNext();
  void compareNext();
  void compared(const RunPtr& before, Result<LoadedRun> run);
  void showLinks();
  void rebuildScene(TimelineController::OnNewScene mode);

  TimelineController& m_timeline;
  JobSlot m_load;
  JobSlot m_build;
  JobSlot m_compare;  // of one run after the other
  JobSlot m_check;
  JobSlot m_fold;
  JobSlot m_predict;
  Grouping m_grouping = Grouping::kByStage;
  std::shared_ptr<const Scene> m_whole;  // while folded steps are shown; else null
  std::vector<RunPtr> m_runs;
  std::vector<RunPtr> m_unchecked;  // checkNext() waits until they are drawn
  RunPtr m_prediction;
  bool m_fitNext = false;  // a build that was replaced before it finished wanted a new view
};

// Where each run goes on the common axis: with a prediction, both sides start with the step that is
// compared; alone, runs start at their first event.
std::vector<RunInput> alignRuns(const std::vector<RunPtr>& runs, const RunPtr& prediction);

}  // namespace caracal::ui
