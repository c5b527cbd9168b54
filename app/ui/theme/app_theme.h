// The application's look: Fusion with the palette of a theme, so that light and dark are the same
// everywhere and independent of the desktop.
#pragma once

#include "app/ui/theme/palette.h"

class QApplication;

namespace caracal::ui {

void applyTheme(QApplication& app, ThemeKind kind);
// What the desktop seems to use: dark when its window colour is.
ThemeKind desktopTheme();

}  // namespace caracal::ui
