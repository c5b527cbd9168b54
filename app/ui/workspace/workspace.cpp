#include "app/ui/workspace/workspace.h"

#include <algorithm>

namespace caracal::ui {
namespace {

// Start of the step that stands for the run: the second when there are several, the first one warms
// up.
std::optional<int64_t> typicalStep(const LoadedRun& run) {
  if (!run.model || run.model->stageSteps.empty()) return std::nullopt;
  const auto& steps = run.model->stageSteps;
  const int32_t first = steps.front().step;
  const auto second = std::find_if(steps.begin(), steps.end(),
                                   [&](const analysis::StageStep& s) { return s.step != first; });
  const int32_t number = second == steps.end() ? first : second->step;
  int64_t begin = INT64_MAX;
  for (const analysis::StageStep& s : steps) {
    if (s.step == number) begin = std::min(begin, s.stepSpan.beginNs);
  }
  return begin;
}

}  // namespace

std::vector<RunInput> alignRuns(const std::vector<RunPtr>& runs, const RunPtr& prediction) {
  std::vector<RunInput> inputs;
  for (const RunPtr& run : runs) {
    RunInput input{run->name, run->trace, run->model, std::nullopt};
    if (prediction) input.alignNs = typicalStep(*run);
    inputs.push_back(std::move(input));
  }
  if (prediction) {
    inputs.push_back(
        {prediction->name, prediction->trace, prediction->model, typicalStep(*prediction)});
  }
  return inputs;
}

Workspace::Workspace(JobBoard& jobs, TimelineController& timeline, QObject* parent)
    : QObject(parent), m_timeline(timeline), m_load(jobs), m_build(jobs) {}

void Workspace::open(const QStringList& paths, OpenMode mode) {
  if (paths.isEmpty()) return;
  std::vector<std::string> names;
  for (const QString& path : paths) names.push_back(path.toStdString());
  const QString name = QString::fromStdString(runNameOf(names));
  m_load.start<LoadedRun>(
      tr("Open %1").arg(name),
      [names](std::stop_token stop, const Progress& progress) {
        return loadRun(names, stop, progress);
      },
      [this, paths, mode](Result<LoadedRun> run) { loaded(paths, mode, std::move(run)); });
}

void Workspace::loaded(const QStringList& paths, OpenMode mode, Result<LoadedRun> run) {
  if (!run) {
    if (run.error().code != ErrorCode::kCancelled)
      emit failed(QString::fromStdString(run.error().text()));
    return;
  }
  if (!run->cacheNote.empty()) emit noticed(QString::fromStdString(run->cacheNote));
  for (const Error& skipped : run->skipped) {
    emit noticed(tr("Left out: %1").arg(QString::fromStdString(skipped.text())));
  }
  add(std::make_shared<const LoadedRun>(std::move(*run)), mode);
  emit opened(paths);
}

void Workspace::add(RunPtr run, OpenMode mode) {
  if (mode == OpenMode::kReplace) {
    m_runs.clear();
    m_prediction.reset();
  }
  m_runs.push_back(std::move(run));
  emit runsChanged();
  rebuildScene(TimelineController::OnNewScene::kFit);
}

void Workspace::close(size_t run) {
  if (run >= m_runs.size()) return;
  m_runs.erase(m_runs.begin() + static_cast<ptrdiff_t>(run));
  emit runsChanged();
  rebuildScene(TimelineController::OnNewScene::kFit);
}

void Workspace::closeAll() {
  m_load.cancel();
  m_runs.clear();
  m_prediction.reset();
  emit runsChanged();
  rebuildScene(TimelineController::OnNewScene::kFit);
}

RunPtr Workspace::currentRun() const {
  if (m_runs.empty()) return nullptr;
  const BlockRef& selected = m_timeline.selected();
  const size_t run = selected.valid() ? m_timeline.scene().rows[selected.row].run : 0;
  return run < m_runs.size() ? m_runs[run] : m_runs.front();
}

int64_t Workspace::shiftOf(size_t run) const {
  const auto& runs = m_timeline.scene().runs;
  return run < runs.size() ? runs[run].shiftNs : 0;
}

void Workspace::setPrediction(RunPtr prediction) {
  // The first prediction moves the runs to a common step: that is a new picture. Later ones are
  // not.
  const bool appears = !m_prediction && prediction;
  m_prediction = std::move(prediction);
  rebuildScene(appears ? TimelineController::OnNewScene::kFit
                       : TimelineController::OnNewScene::kKeepView);
}

void Workspace::rebuildScene(TimelineController::OnNewScene mode) {
  m_fitNext = m_fitNext || mode == TimelineController::OnNewScene::kFit;
  using ScenePtr = std::shared_ptr<const Scene>;
  m_build.start<ScenePtr>(
      tr("Arrange timeline"),
      [inputs = alignRuns(m_runs, m_prediction)](
          std::stop_token, const Progress&) -> Result<ScenePtr> { return buildScene(inputs); },
      [this](Result<ScenePtr> scene) {
        const auto onNew = m_fitNext ? TimelineController::OnNewScene::kFit
                                     : TimelineController::OnNewScene::kKeepView;
        m_fitNext = false;
        m_timeline.setScene(std::move(*scene), onNew);
      });
}

}  // namespace caracal::ui
