// The timeline as a picture, without a window: PNG through the raster, SVG with a rectangle for
// every block that is at least a pixel wide (narrower ones merged).
#pragma once

#include <QImage>
#include <QString>
#include <optional>

#include "app/ui/theme/palette.h"
#include "app/ui/timeline/scene.h"
#include "core/base/result.h"

namespace caracal::ui {

struct RenderOptions {
  int width = 1920;
  int height = 0;                 // 0: as high as the rows need, 1080 at most
  std::optional<int64_t> fromNs;  // scene time; without one the first view of the window
  std::optional<int64_t> toNs;
  ThemeKind theme = ThemeKind::kLight;
};

QImage renderTimeline(const Scene& scene, const RenderOptions& options);
Result<void> writeTimelinePng(const Scene& scene, const RenderOptions& options,
                              const QString& path);
Result<void> writeTimelineSvg(const Scene& scene, const RenderOptions& options,
                              const QString& path);

}  // namespace caracal::ui
