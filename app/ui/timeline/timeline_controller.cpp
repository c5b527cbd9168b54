#include "app/ui/timeline/timeline_controller.h"

#include <algorithm>

namespace caracal::ui {
namespace {

constexpr double kFocusMargin = 0.1;  // of the block, on both sides
// A block at least this wide counts as focused already.
constexpr double kFocusedShare = 0.7;
// More steps than this and the first view shows one of them, not a blur of all.
constexpr size_t kMostStepsAtOnce = 3;

Span withMargin(Span span, double share) {
  const auto margin =
      std::max<int64_t>(1, static_cast<int64_t>(static_cast<double>(span.lengthNs()) * share));
  return {span.beginNs - margin, span.endNs + margin};
}

// Pipelines of many steps open on their second step: the first one is rarely typical.
Span firstView(const Scene& scene) {
  if (scene.runs.empty() || !scene.runs.front().model) return withMargin(scene.range, 0.01);
  const std::vector<Span>& steps = scene.runs.front().steps;
  return steps.size() > kMostStepsAtOnce ? withMargin(steps[1], 0.03)
                                         : withMargin(scene.range, 0.01);
}

}  // namespace

TimelineController::TimelineController(QObject* parent)
    : QObject(parent), m_scene(std::make_shared<const Scene>()) {
  m_view.width = 1000;
}

void TimelineController::setScene(std::shared_ptr<const Scene> scene, OnNewScene mode) {
  const bool sameRows = scene->rows.size() == m_scene->rows.size();
  m_scene = std::move(scene);
  m_selected = {};
  m_links.clear();
  m_selectedLinks.clear();
  m_hits = {};
  m_currentHit = -1;
  if (mode == OnNewScene::kFit || !sameRows) m_folded = initialFolds(*m_scene);
  m_layout = layoutRows(*m_scene, m_folded);
  if (mode == OnNewScene::kFit) {
    m_range.reset();
    m_mark.reset();
    m_keptMarks.clear();
    m_history.clear();
    setView(show(firstView(*m_scene), m_view.width));
  }
  emit hitsChanged();
  emit sceneChanged();
  emit layoutChanged();
  emit viewChanged();
  emit selectionChanged();
}

void TimelineController::setWidth(int pixels) {
  if (pixels == m_view.width) return;
  // Keeps what is visible, not the scale: a resized window shows the same span.
  const TimeView before = m_view;
  m_view = resized(before, pixels);
  m_view.nsPerPixel = std::max(
      kFinestNsPerPixel, before.nsPerPixel * before.width / static_cast<double>(m_view.width));
  emit viewChanged();
}

void TimelineController::setView(const TimeView& view, Remember remember) {
  m_view = view;
  if (remember == Remember::kYes) {
    m_history.push(m_view,
                   m_gestureEnded ? ViewHistory::Gesture::kNew : ViewHistory::Gesture::kContinues);
    m_gestureEnded = false;
  }
  emit viewChanged();
}

void TimelineController::zoomAt(double factor, double anchor) {
  setView(zoomed(m_view, factor, anchor, m_scene->range));
}

void TimelineController::panBy(double pixels) {
  setView(panned(m_view, pixels, m_scene->range));
}

void TimelineController::fitAll() {
  endGesture();
  setView(fit(m_scene->range, m_view.width));
}

void TimelineController::showSpan(Span span) {
  endGesture();
  setView(show(span, m_view.width));
}

void TimelineController::focus() {
  if (!m_selected.valid()) return fitAll();
  const Span span = blockOf(*m_scene, m_selected).span();
  const double pixels = static_cast<double>(span.lengthNs()) / m_view.nsPerPixel;
  if (pixels > kFocusedShare * m_view.width) return fitAll();
  showSpan(withMargin(span, kFocusMargin));
}

void TimelineController::zoomToSelection() {
  if (m_range) {
    showSpan(*m_range);
  } else if (m_selected.valid()) {
    showSpan(withMargin(blockOf(*m_scene, m_selected).span(), kFocusMargin));
  }
}

void TimelineController::historyBack() {
  if (const TimeView* view = m_history.back()) setView(resized(*view, m_view.width), Remember::kNo);
  endGesture();
}

void TimelineController::historyForward() {
  if (const TimeView* view = m_history.forward())
    setView(resized(*view, m_view.width), Remember::kNo);
  endGesture();
}

void TimelineController::relayout() {
  m_layout = layoutRows(*m_scene, m_folded);
  emit layoutChanged();
}

void TimelineController::toggleFold(uint32_t row) {
  if (row >= m_folded.size()) return;
  m_folded[row] = !m_folded[row];
  relayout();
}

void TimelineController::foldAll(bool folded) {
  for (uint32_t row = 0; row < m_folded.size(); ++row) {
    // Runs and replicas stay open: folding them would leave nothing to see.
    const RowKind kind = m_scene->rows[row].kind;
    m_folded[row] = folded && kind != RowKind::kRun && kind != RowKind::kReplica;
  }
  relayout();
}

void TimelineController::unfoldTo(uint32_t row) {
  bool changed = false;
  for (uint32_t parent = m_scene->rows[row].parent; parent != kNoRow;
       parent = m_scene->rows[parent].parent) {
    changed = changed || m_folded[parent];
    m_folded[parent] = false;
  }
  if (m_folded[row] && m_scene->rows[row].kind == RowKind::kTrack) {
    m_folded[row] = false;
    changed = true;
  }
  if (changed) relayout();
}

void TimelineController::select(const BlockRef& ref) {
  if (ref == m_selected) return;
  m_selected = ref;
  findLinks();
  emit selectionChanged();
}

void TimelineController::setLinks(std::vector<std::shared_ptr<const RunLinks>> links) {
  m_links = std::move(links);
  findLinks();
  emit overlayChanged();
}

void TimelineController::findLinks() {
  m_selectedLinks.clear();
  if (!m_selected.valid()) return;
  const uint32_t run = m_scene->rows[m_selected.row].run;
  const RunLinks* links = run < m_links.size() ? m_links[run].get() : nullptr;
  m_selectedLinks = linksOf(*m_scene, links, m_selected);
}

void TimelineController::setRange(std::optional<Span> range) {
  if (range && range->endNs <= range->beginNs) range.reset();
  if (range == m_range) return;
  m_range = range;
  emit selectionChanged();
}

void TimelineController::clear() {
  if (m_range) return setRange(std::nullopt);
  if (!m_hits.hits.empty()) return setHits({});
  select({});
}

void TimelineController::reveal(const BlockRef& ref) {
  if (!ref.valid()) return;
  unfoldTo(ref.row);
  select(ref);
  endGesture();
  setView(revealing(m_view, blockOf(*m_scene, ref).span()));
  emit revealRow(ref.row);
}

int64_t TimelineController::anchorTime() const {
  if (m_selected.valid()) return blockOf(*m_scene, m_selected).beginNs;
  const Span span = m_view.span();
  return span.beginNs + span.lengthNs() / 2;
}

bool TimelineController::goToNeighbour(Direction direction) {
  if (!m_selected.valid()) return false;
  const BlockRef next = nextBlock(*m_scene, m_selected, direction);
  reveal(next);
  return next.valid();
}

bool TimelineController::goToDependency(Direction direction) {
  const BlockRef next = followDependency(m_selectedLinks, m_selected, direction);
  reveal(next);
  return next.valid();
}

bool TimelineController::goToBubble(Direction direction) {
  const BlockRef next = nextBubble(*m_scene, m_selected.row, anchorTime(), direction);
  reveal(next);
  return next.valid();
}

bool TimelineController::goToStep(Direction direction) {
  if (m_scene->runs.empty()) return false;
  const uint32_t run = m_selected.valid() ? m_scene->rows[m_selected.row].run : 0;
  // The step whose start is nearest to the left edge counts as the current one.
  const Span visible = m_view.span();
  const int64_t here = visible.beginNs + visible.lengthNs() / 4;
  const std::vector<Span>& steps = m_scene->runs[run].steps;
  const auto after =
      std::partition_point(steps.begin(), steps.end(), [&](Span s) { return s.beginNs <= here; });
  const int64_t current = after == steps.begin() ? INT64_MIN : std::prev(after)->beginNs;
  const std::optional<Span> step = nextStep(*m_scene, run, current, direction);
  if (!step) return false;
  showSpan(withMargin(*step, 0.03));
  return true;
}

void TimelineController::selectStep(uint32_t run, size_t step) {
  const Span span = m_scene->runs[run].steps[step];
  setRange(span);
  showSpan(withMargin(span, 0.03));
}

bool TimelineController::goToHit(Direction direction) {
  const int count = static_cast<int>(m_hits.hits.size());
  if (count == 0) return false;
  const int from = m_currentHit < 0 && direction == Direction::kBackward ? 0 : m_currentHit;
  goToHitNumber((from + static_cast<int>(direction) + count) % count);
  return true;
}

void TimelineController::goToHitNumber(int hit) {
  if (hit == m_currentHit) return;
  m_currentHit = hit;
  reveal(m_hits.hits[static_cast<size_t>(hit)]);
  emit overlayChanged();
}

void TimelineController::setMark(int64_t timeNs) {
  m_mark = timeNs;
  emit overlayChanged();
}

void TimelineController::keepMark(int64_t timeNs) {
  const auto same = std::find(m_keptMarks.begin(), m_keptMarks.end(), timeNs);
  if (same != m_keptMarks.end()) {
    m_keptMarks.erase(same);
  } else {
    m_keptMarks.push_back(timeNs);
  }
  emit overlayChanged();
}

void TimelineController::setHits(SearchHits hits) {
  m_hits = std::move(hits);
  m_currentHit = -1;
  emit hitsChanged();
  emit overlayChanged();
}

}  // namespace caracal::ui
