// TimelineController: what is shown and what is selected, and what every key and gesture does to
// it. Knows no widget and no pixels beyond the width of the time axis, so that it is tested without
// a display. GUI thread only.
#pragma once

#include <QObject>
#include <memory>
#include <optional>
#include <vector>

#include "app/ui/timeline/navigation.h"
#include "app/ui/timeline/row_layout.h"
#include "app/ui/timeline/scene.h"
#include "app/ui/timeline/search.h"
#include "app/ui/timeline/time_view.h"

namespace caracal::ui {

class TimelineController : public QObject {
  Q_OBJECT
 public:
  explicit TimelineController(QObject* parent = nullptr);

  // Shows `scene`, never null. kKeepView for an update of what is already shown (a new prediction).
  enum class OnNewScene { kFit, kKeepView };
  void setScene(std::shared_ptr<const Scene> scene, OnNewScene mode = OnNewScene::kFit);
  const Scene& scene() const { return *m_scene; }
  const std::shared_ptr<const Scene>& sharedScene() const { return m_scene; }
  const RowLayout& layout() const { return m_layout; }
  const TimeView& view() const { return m_view; }
  void setWidth(int pixels);

  // View. `anchor` is a pixel of the time axis.
  void zoomAt(double factor, double anchor);
  void panBy(double pixels);
  void fitAll();
  void showSpan(Span span);
  void focus();  // zoom to the selected block; when it fills the view already, the whole trace
  void zoomToSelection();  // the range, else the block
  void historyBack();
  void historyForward();
  // Ends a gesture: the next zoom or pan is a new entry of the history.
  void endGesture() { m_gestureEnded = true; }

  // Rows.
  void toggleFold(uint32_t row);
  void foldAll(bool folded);

  // Selection.
  const BlockRef& selected() const { return m_selected; }
  void select(const BlockRef& ref);
  const std::optional<Span>& range() const { return m_range; }
  void setRange(std::optional<Span> range);  // empty spans clear it
  void clear();                              // Esc: range, then search hits, then the block

  // Navigation: selects, and scrolls it into view. False: there is nothing there.
  bool goToNeighbour(Direction direction);
  bool goToDependency(Direction direction);
  bool goToBubble(Direction direction);
  bool goToStep(Direction direction);
  bool goToHit(Direction direction);
  void goToHitNumber(int hit);  // REQUIRES a hit of hits()
  void reveal(const BlockRef& ref);

  // Selects the step as the range and shows it. REQUIRES a step of that run.
  void selectStep(uint32_t run, size_t step);
  int stepNumber(uint32_t run, size_t step) const { return m_scene->runs[run].stepNumbers[step]; }

  // Marks: one that moves with M, any number that stay.
  void setMark(int64_t timeNs);
  void keepMark(int64_t timeNs);
  const std::optional<int64_t>& mark() const { return m_mark; }
  const std::vector<int64_t>& keptMarks() const { return m_keptMarks; }

  // What the events of each run of the scene wait for; null: not known of that run.
  void setLinks(std::vector<std::shared_ptr<const RunLinks>> links);
  // Of the selected block, both ways.
  const std::vector<BlockLink>& selectedLinks() const { return m_selectedLinks; }

  void setHits(SearchHits hits);
  const SearchHits& hits() const { return m_hits; }
  int currentHit() const { return m_currentHit; }

 signals:
  void sceneChanged();
  void layoutChanged();
  void viewChanged();
  void selectionChanged();  // block or range
  void overlayChanged();    // marks, hits, the hit that is shown
  void hitsChanged();       // another list of hits
  void revealRow(uint32_t row);

 private:
  enum class Remember { kYes, kNo };
  void setView(const TimeView& view, Remember remember = Remember::kYes);
  void relayout();
  void unfoldTo(uint32_t row);
  void findLinks();
  int64_t anchorTime() const;  // where navigation without a selection starts

  std::shared_ptr<const Scene> m_scene;
  FoldState m_folded;
  RowLayout m_layout;
  TimeView m_view;
  ViewHistory m_history;
  bool m_gestureEnded = true;
  BlockRef m_selected;
  std::optional<Span> m_range;
  std::optional<int64_t> m_mark;
  std::vector<int64_t> m_keptMarks;
  std::vector<std::shared_ptr<const RunLinks>> m_links;
  std::vector<BlockLink> m_selectedLinks;
  SearchHits m_hits;
  int m_currentHit = -1;
};

}  // namespace caracal::ui
