#include "app/ui/window/timeline_actions.h"

#include "app/ui/timeline/timeline_controller.h"
#include "app/ui/timeline/timeline_widget.h"
#include "app/ui/window/action_table.h"

namespace caracal::ui {
namespace {

constexpr double kZoomPerKey = 0.7;
constexpr double kPanPerKey = 0.15;  // of the width

}  // namespace

void connectTimelineActions(ActionBook& actions, TimelineController& controller,
                            TimelineWidget& widget) {
  const auto on = [&](const char* id, auto work) {
    QObject::connect(actions[id], &QAction::triggered, &actions, work);
  };
  TimelineController* c = &controller;
  TimelineWidget* w = &widget;
  on("view.zoomIn", [c, w] { c->zoomAt(kZoomPerKey, w->anchorPixel()); });
  on("view.zoomOut", [c, w] { c->zoomAt(1 / kZoomPerKey, w->anchorPixel()); });
  on("view.panLeft", [c] { c->panBy(-kPanPerKey * c->view().width); });
  on("view.panRight", [c] { c->panBy(kPanPerKey * c->view().width); });
  on("view.focus", [c] { c->focus(); });
  on("view.fit", [c] { c->fitAll(); });
  on("view.zoomSelection", [c] { c->zoomToSelection(); });
  on("view.back", [c] { c->historyBack(); });
  on("view.forward", [c] { c->historyForward(); });
  on("view.foldAll", [c] { c->foldAll(true); });
  on("view.unfoldAll", [c] { c->foldAll(false); });
  on("go.nextBlock", [c] { c->goToNeighbour(Direction::kForward); });
  on("go.previousBlock", [c] { c->goToNeighbour(Direction::kBackward); });
  on("go.effect", [c] { c->goToDependency(Direction::kForward); });
  on("go.cause", [c] { c->goToDependency(Direction::kBackward); });
  on("go.nextBubble", [c] { c->goToBubble(Direction::kForward); });
  on("go.previousBubble", [c] { c->goToBubble(Direction::kBackward); });
  on("go.nextStep", [c] { c->goToStep(Direction::kForward); });
  on("go.previousStep", [c] { c->goToStep(Direction::kBackward); });
  on("edit.findNext", [c] { c->goToHit(Direction::kForward); });
  on("edit.findPrevious", [c] { c->goToHit(Direction::kBackward); });
  on("mark.set", [c, w] { c->setMark(w->anchorTime()); });
  on("mark.keep", [c, w] { c->keepMark(w->anchorTime()); });
  on("edit.clear", [c] { c->clear(); });
}

}  // namespace caracal::ui
