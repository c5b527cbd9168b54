// `caracal-ui --render`: a picture and an exit code instead of a window.
#pragma once

#include <QSize>
#include <QString>
#include <QStringList>

#include "app/ui/render/render_timeline.h"
#include "core/base/result.h"

namespace caracal::ui {

enum class RenderView : uint8_t { kTimeline, kPlan, kCompare };

struct RenderCommand {
  QString output;     // .png or .svg; views other than the timeline are PNG only
  QStringList paths;  // what the window would open
  RenderView view = RenderView::kTimeline;
  RenderOptions options;
};

// Opens the paths, waits for every job, draws. Spins the event loop of the application. Things
// worth saying besides the picture go to `notices`.
Result<void> runRender(const RenderCommand& command, QStringList& notices);

}  // namespace caracal::ui
