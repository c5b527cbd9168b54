// Colours: what each kind of block looks like in the light and in the dark theme.
//
// Hues are Okabe and Ito's (2008, "Color Universal Design"), eight at most, moved in lightness
// until they stand out from the theme's background by kLeastContrast. Colour never carries a
// meaning alone: bubbles and recomputation are hatched as well, tags have a glyph.
#pragma once

#include <QColor>
#include <QString>
#include <array>
#include <cstdint>
#include <string_view>

#include "core/analysis/step_model.h"
#include "core/trace/trace.h"

namespace caracal::ui {

// Contrast ratio (WCAG 2.1, "relative luminance") that every block has against the background.
inline constexpr double kLeastContrast = 3.0;

enum class ThemeKind : uint8_t { kLight, kDark };

// What a block is painted as; one colour each.
enum class Paint : uint8_t {
  kForward,
  kBackward,
  kWeight,
  kRecompute,
  kComm,
  kCompute,
  kCopy,
  kHostOp,
  kHostCall,
  kAnnotation,
  kPython,
  kOverhead,
  kOther,
  kBubble,  // + IdleCause
  kCount = kBubble + analysis::kIdleCauseCount
};
constexpr Paint paintOf(analysis::IdleCause cause) {
  return static_cast<Paint>(static_cast<uint8_t>(Paint::kBubble) + static_cast<uint8_t>(cause));
}
constexpr bool isBubble(Paint paint) {
  return paint >= Paint::kBubble;
}
// REQUIRES isBubble(paint)
constexpr analysis::IdleCause causeOf(Paint paint) {
  return static_cast<analysis::IdleCause>(static_cast<uint8_t>(paint) -
                                          static_cast<uint8_t>(Paint::kBubble));
}
// For legends and details: "forward", "recompute", "bubble: warm-up".
QString labelOf(Paint paint);

// Line patterns over a block. Two directions and a cross keep neighbouring causes apart without
// colour.
enum class Hatch : uint8_t { kNone, kRising, kFalling, kCross, kDots };
constexpr Hatch hatchOf(Paint paint) {
  using analysis::IdleCause;
  if (paint == Paint::kRecompute) return Hatch::kCross;
  if (!isBubble(paint)) return Hatch::kNone;
  switch (causeOf(paint)) {
    case IdleCause::kWarmup:
    case IdleCause::kWaitUpstream:
    case IdleCause::kLaunch:
      return Hatch::kRising;
    case IdleCause::kCooldown:
    case IdleCause::kWaitDownstream:
    case IdleCause::kDataParallel:
      return Hatch::kFalling;
    case IdleCause::kTensorTransfer:
    case IdleCause::kCollectiveSkew:
      return Hatch::kDots;
    default:
      return Hatch::kCross;
  }
}

struct Theme {
  ThemeKind kind = ThemeKind::kLight;
  QColor background;    // behind blocks
  QColor rowAlternate;  // every other group of rows
  QColor groupBand;     // header rows of groups
  QColor grid;          // ruler lines
  QColor text;
  QColor mutedText;
  QColor accent;  // selection, focus, the cursor line
  QColor warning;
  QColor error;
  std::array<QColor, static_cast<size_t>(Paint::kCount)> paints;

  const QColor& of(Paint paint) const { return paints[static_cast<size_t>(paint)]; }
};

const Theme& theme(ThemeKind kind);
QString nameOf(ThemeKind kind);  // "light", "dark"

// WCAG contrast ratio, 1 to 21.
double contrast(const QColor& a, const QColor& b);
// `colour` with its lightness moved away from `background` until contrast() >= ratio.
QColor withContrast(QColor colour, const QColor& background, double ratio);
// Black or white, whichever reads better on `fill`.
QColor textOn(const QColor& fill);

}  // namespace caracal::ui
