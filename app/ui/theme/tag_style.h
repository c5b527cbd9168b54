// Tags: measured, emulated, simulated, estimated. One look each, the same everywhere a figure is
// shown.
#pragma once

#include <QString>

#include "app/ui/theme/palette.h"

namespace caracal::ui {

// "● measured", "◐ emulated", "○ simulated", "≈ estimated": the glyph carries the tag without
// colour.
QString tagText(trace::Tag tag);
QString tagGlyph(trace::Tag tag);
QString tagToolTip(trace::Tag tag);
QColor tagColour(trace::Tag tag, const Theme& theme);

}  // namespace caracal::ui
