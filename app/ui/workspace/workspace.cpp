#include "app/ui/workspace/workspace.h"

#include <algorithm>
#include <utility>

#include "core/analysis/gpu_passes.h"

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
    : QObject(parent),
      m_timeline(timeline),
      m_load(jobs),
      m_build(jobs),
      m_compare(jobs),
      m_check(jobs),
      m_fold(jobs),
      m_predict(jobs) {}

void Workspace::open(const QStringList& paths, OpenMode mode) {
  if (paths.isEmpty()) return;
  std::vector<std::string> names;
  for (const QString& path : paths) names.push_back(path.toStdString());
  const QString name = QString::fromStdString(runNameOf(names));
  m_load.start<std::vector<LoadedRun>>(
      tr("Open %1").arg(name),
      [names](std::stop_token stop, const Progress& progress) {
        return loadRuns(names, stop, progress);
      },
      [this, paths, mode](Result<std::vector<LoadedRun>> runs) {
        loaded(paths, mode, std::move(runs));
      });
}

void Workspace::loaded(const QStringList& paths, OpenMode mode,
                       Result<std::vector<LoadedRun>> runs) {
  if (!runs) {
    if (runs.error().code != ErrorCode::kCancelled)
      emit failed(QString::fromStdString(runs.error().text()));
    return;
  }
  QStringList words;
  for (LoadedRun& run : *runs) {
    if (!run.cacheNote.empty()) words << QString::fromStdString(run.cacheNote);
    for (const Error& skipped : run.skipped)
      words << tr("Left out: %1").arg(QString::fromStdString(skipped.text()));
    for (const std::string& reason : run.apartBecause)
      words << tr("Shown as runs of their own: %1").arg(QString::fromStdString(reason));
    add(std::make_shared<const LoadedRun>(std::move(run)), mode);
    mode = OpenMode::kAdd;
  }
  emit opened(paths);
  // Behind it: what is opened clears the words about what was there before.
  if (!words.isEmpty()) emit noticed(words.join(QLatin1Char('\n')));
}

void Workspace::add(RunPtr run, OpenMode mode) {
  if (mode == OpenMode::kReplace) {
    m_runs.clear();
    m_unchecked.clear();
    m_prediction.reset();
  }
  if (run->checkSources) m_unchecked.push_back(run);
  m_runs.push_back(std::move(run));
  emit runsChanged();
  rebuildScene(TimelineController::OnNewScene::kFit);
  compareNext();
}

// The timeline is there first; what compares ranks comes when it is known.
void Workspace::compareNext() {
  const auto next =
      std::find_if(m_runs.begin(), m_runs.end(), [](const RunPtr& run) { return !run->prepared; });
  if (next == m_runs.end()) return m_compare.cancel();
  m_compare.start<LoadedRun>(
      tr("Compare the ranks of %1").arg(QString::fromStdString((*next)->name)),
      [run = *next](std::stop_token stop, const Progress& progress) {
        return compareRanks(*run, std::move(stop), progress);
      },
      [this, run = *next](Result<LoadedRun> done) { compared(run, std::move(done)); });
}

void Workspace::checkNext() {
  if (m_unchecked.empty() || m_check.running()) return;
  const RunPtr run = m_unchecked.front();
  m_unchecked.erase(m_unchecked.begin());
  m_check.start<void>(
      tr("Check the files of %1").arg(QString::fromStdString(run->name)),
      [run](const std::stop_token& stop, const Progress&) { return run->checkSources(stop); },
      [this](const Result<void>& same) {
        if (!same && same.error().code != ErrorCode::kCancelled)
          emit noticed(QString::fromStdString(same.error().text()));
        checkNext();
      });
}

void Workspace::compared(const RunPtr& before, Result<LoadedRun> run) {
  if (!run) return emit ranksCompared();  // stopped: the panels that need it say so
  const auto place = std::find(m_runs.begin(), m_runs.end(), before);
  if (place == m_runs.end()) return compareNext();
  const bool changed = run->trace != before->trace;
  *place = std::make_shared<const LoadedRun>(std::move(*run));
  if (changed) {
    const trace::Trace& trace = *(*place)->trace;
    const QString text =
        (*place)->prepared->clocks.anyCorrected()
            ? tr("%1: clocks of ranks differ and were moved onto one; see the Clocks panel.")
            : tr("%1: passes are those that the host launched, known by %2.")
                  .arg(QStringLiteral("%1"), QString::fromStdString(trace.metaOr(
                                                 analysis::kPassesFromKey, "annotations")));
    emit noticed(text.arg(QString::fromStdString(before->name)));
    emit runsChanged();
    rebuildScene(TimelineController::OnNewScene::kKeepView);
  }
  if (!m_whole) showLinks();
  emit ranksCompared();
  compareNext();
}

void Workspace::showLinks() {
  std::vector<std::shared_ptr<const RunLinks>> links;
  for (const RunPtr& run : m_runs) links.push_back(run->links);
  if (m_prediction) links.push_back(m_prediction->links);
  m_timeline.setLinks(std::move(links));
}

void Workspace::close(size_t run) {
  if (run >= m_runs.size()) return;
  m_runs.erase(m_runs.begin() + static_cast<ptrdiff_t>(run));
  emit runsChanged();
  rebuildScene(TimelineController::OnNewScene::kFit);
  compareNext();
}

void Workspace::closeAll() {
  m_load.cancel();
  m_compare.cancel();
  m_check.cancel();
  m_predict.cancel();
  m_runs.clear();
  m_unchecked.clear();
  m_prediction.reset();
  emit runsChanged();
  rebuildScene(TimelineController::OnNewScene::kFit);
}

RunPtr Workspace::currentRun() const {
  if (m_runs.empty()) return nullptr;
  const BlockRef& selected = m_timeline.selected();
  // The runs of a folded scene are steps of the first run.
  const bool wholeRuns = selected.valid() && !m_timeline.scene().folded;
  const size_t run = wholeRuns ? m_timeline.scene().rows[selected.row].run : 0;
  return run < m_runs.size() ? m_runs[run] : m_runs.front();
}

int64_t Workspace::shiftOf(size_t run) const {
  const auto& runs = m_timeline.scene().runs;
  return run < runs.size() ? runs[run].shiftNs : 0;
}

void Workspace::setPrediction(std::string name, std::shared_ptr<const trace::Trace> trace) {
  m_predict.start<LoadedRun>(
      tr("Understand the prediction"),
      [name = std::move(name), trace = std::move(trace)](std::stop_token stop,
                                                         const Progress& progress) {
        return compareRanks(runFromTrace(name, trace), std::move(stop), progress);
      },
      [this](Result<LoadedRun> run) {
        if (run) showPrediction(std::make_shared<const LoadedRun>(std::move(*run)));
      });
}

void Workspace::showPrediction(RunPtr prediction) {
  m_predict.cancel();
  // The first prediction moves the runs to a common step: that is a new picture. Later ones are
  // not.
  const bool appears = !m_prediction && prediction;
  m_prediction = std::move(prediction);
  emit predictionChanged();
  rebuildScene(appears ? TimelineController::OnNewScene::kFit
                       : TimelineController::OnNewScene::kKeepView);
}

void Workspace::setGrouping(Grouping grouping) {
  if (grouping == m_grouping) return;
  m_grouping = grouping;
  rebuildScene(m_whole ? TimelineController::OnNewScene::kFit
                       : TimelineController::OnNewScene::kKeepView);
}

void Workspace::foldSteps(const FoldRequest& request) {
  const auto whole = m_whole ? m_whole : m_timeline.sharedScene();
  if (request.run >= whole->runs.size() || request.steps.empty()) return;
  using ScenePtr = std::shared_ptr<const Scene>;
  m_fold.start<ScenePtr>(
      tr("Fold steps"),
      [whole, request](const std::stop_token& stop, const Progress&) -> Result<ScenePtr> {
        ScenePtr folded = ui::foldSteps(*whole, request, stop);
        if (!folded) return fail(ErrorCode::kCancelled, "folding steps was stopped");
        return folded;
      },
      [this, whole, run = request.run](Result<ScenePtr> folded) {
        if (!folded) return;
        m_whole = whole;
        m_timeline.setScene(std::move(*folded));
        const auto links = run < m_runs.size() ? m_runs[run]->links : nullptr;
        m_timeline.setLinks(std::vector(m_timeline.scene().runs.size(), links));
      });
}

void Workspace::unfold() {
  m_fold.cancel();
  if (!m_whole) return;
  m_timeline.setScene(std::exchange(m_whole, nullptr));
  showLinks();
}

bool Workspace::reveal(const RunPtr& run, trace::EventIndex event) {
  unfold();
  const auto place = std::find(m_runs.begin(), m_runs.end(), run);
  const auto index = static_cast<size_t>(place - m_runs.begin());
  if (place == m_runs.end() || index >= m_timeline.scene().runs.size() ||
      m_timeline.scene().runs[index].trace != run->trace) {
    return false;
  }
  const BlockRef block = findEvent(m_timeline.scene(), static_cast<uint32_t>(index), event);
  m_timeline.reveal(block);
  return block.valid();
}

void Workspace::rebuildScene(TimelineController::OnNewScene mode) {
  m_fold.cancel();
  m_fitNext = m_fitNext || mode == TimelineController::OnNewScene::kFit;
  std::vector<RunInput> inputs = alignRuns(m_runs, m_prediction);
  for (RunInput& input : inputs) input.grouping = m_grouping;
  using ScenePtr = std::shared_ptr<const Scene>;
  m_build.start<ScenePtr>(
      tr("Arrange timeline"),
      [inputs](const std::stop_token& stop, const Progress& progress) -> Result<ScenePtr> {
        ScenePtr scene = buildScene(inputs, stop, progress);
        if (!scene) return fail(ErrorCode::kCancelled, "arranging the timeline was stopped");
        return scene;
      },
      [this](Result<ScenePtr> scene) {
        if (!scene) return;  // stopped: what is shown stays
        const auto onNew = m_fitNext ? TimelineController::OnNewScene::kFit
                                     : TimelineController::OnNewScene::kKeepView;
        m_fitNext = false;
        m_whole = nullptr;
        m_timeline.setScene(std::move(*scene), onNew);
        showLinks();
        checkNext();
      });
}

}  // namespace caracal::ui
