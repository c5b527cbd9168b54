// `caracal-ui --render`: a picture and an exit code instead of a window.
#pragma once

#include <QSize>
#include <QString>
#include <QStringList>

#include "app/ui/render/render_timeline.h"
#include "core/base/result.h"

namespace caracal::ui {

enum class RenderView : uint8_t {
  kTimeline,
  kFolded,  // the timeline of all steps below each other
  kWindow,  // everything, with one panel in front
  kPlan,
  kCompare
};

struct RenderCommand {
  QString output;     // .png or .svg; pictures of the window are PNG only
  QStringList paths;  // what the window would open
  RenderView view = RenderView::kTimeline;
  QString panel;  // in front of kWindow (PanelDocks::raise); empty: the figures
  RenderOptions options;
};

// Opens the paths, waits for every job, draws. Spins the event loop of the application. Things
// worth saying besides the picture go to `notices`.
Result<void> runRender(const RenderCommand& command, QStringList& notices);

}  // namespace caracal::ui
