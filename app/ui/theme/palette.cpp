#include "app/ui/theme/palette.h"

#include <QCoreApplication>
#include <algorithm>
#include <cmath>

#include "app/ui/qt_text.h"

namespace caracal::ui {
namespace {

// Okabe and Ito's eight, without black, plus a neutral grey.
constexpr QRgb kOrange = 0xffe69f00;
constexpr QRgb kSkyBlue = 0xff56b4e9;
constexpr QRgb kBluishGreen = 0xff009e73;
constexpr QRgb kYellow = 0xfff0e442;
constexpr QRgb kBlue = 0xff0072b2;
constexpr QRgb kVermillion = 0xffd55e00;
constexpr QRgb kReddishPurple = 0xffcc79a7;
constexpr QRgb kGrey = 0xff8a8f98;

QRgb hueOf(analysis::IdleCause cause) {
  using analysis::IdleCause;
  switch (cause) {
    case IdleCause::kWarmup:
    case IdleCause::kCooldown:
      return kGrey;
    case IdleCause::kWaitUpstream:
      return kVermillion;
    case IdleCause::kWaitDownstream:
      return kReddishPurple;
    case IdleCause::kTensorTransfer:
    case IdleCause::kCommunication:
      return kOrange;
    case IdleCause::kCollectiveSkew:
      return kYellow;
    case IdleCause::kDataParallel:
      return kSkyBlue;
    case IdleCause::kLaunch:
      return kBluishGreen;
    case IdleCause::kMemory:
      return kBlue;
    case IdleCause::kUnexplained:
    case IdleCause::kCount:
      break;
  }
  return kGrey;
}

QRgb hueOf(Paint paint) {
  if (isBubble(paint)) return hueOf(causeOf(paint));
  switch (paint) {
    case Paint::kForward:
      return kBlue;
    case Paint::kBackward:
      return kBluishGreen;
    case Paint::kWeight:
      return kYellow;
    case Paint::kRecompute:
      return kReddishPurple;
    case Paint::kComm:
      return kOrange;
    case Paint::kCompute:
      return kSkyBlue;
    case Paint::kCopy:
      return kYellow;
    case Paint::kHostOp:
      return kBluishGreen;
    case Paint::kHostCall:
      return kReddishPurple;
    case Paint::kAnnotation:
      return kGrey;
    case Paint::kPython:
      return kSkyBlue;
    case Paint::kOverhead:
      return kVermillion;
    default:
      return kGrey;
  }
}

double linear(double channel) {
  return channel <= 0.03928 ? channel / 12.92 : std::pow((channel + 0.055) / 1.055, 2.4);
}

double luminance(const QColor& c) {
  return 0.2126 * linear(c.redF()) + 0.7152 * linear(c.greenF()) + 0.0722 * linear(c.blueF());
}

Theme makeTheme(ThemeKind kind) {
  Theme t;
  t.kind = kind;
  if (kind == ThemeKind::kDark) {
    t.background = QColor(0x1b, 0x1e, 0x23);
    t.rowAlternate = QColor(0x20, 0x24, 0x2a);
    t.groupBand = QColor(0x2a, 0x2f, 0x37);
    t.grid = QColor(0x3a, 0x40, 0x4a);
    t.text = QColor(0xe6, 0xe8, 0xeb);
    t.mutedText = QColor(0xa0, 0xa7, 0xb1);
    t.accent = QColor(0x6c, 0xb6, 0xff);
    t.warning = QColor(0xf0, 0xb4, 0x29);
    t.error = QColor(0xff, 0x7b, 0x72);
  } else {
    t.background = QColor(0xff, 0xff, 0xff);
    t.rowAlternate = QColor(0xf6, 0xf7, 0xf9);
    t.groupBand = QColor(0xea, 0xec, 0xf0);
    t.grid = QColor(0xd5, 0xd9, 0xdf);
    t.text = QColor(0x1f, 0x24, 0x2b);
    t.mutedText = QColor(0x5b, 0x64, 0x70);
    t.accent = QColor(0x0b, 0x57, 0xd0);
    t.warning = QColor(0x9a, 0x67, 0x00);
    t.error = QColor(0xb3, 0x26, 0x1e);
  }
  for (size_t i = 0; i < t.paints.size(); ++i) {
    const QColor hue(hueOf(static_cast<Paint>(i)));
    // Blocks lie on group bands too, which are nearer to them than the background.
    t.paints[i] =
        withContrast(withContrast(hue, t.background, kLeastContrast), t.groupBand, kLeastContrast);
  }
  return t;
}

}  // namespace

QString labelOf(Paint paint) {
  const auto tr = [](const char* text) { return QCoreApplication::translate("Paint", text); };
  if (isBubble(paint)) {
    const std::string_view cause = analysis::label(causeOf(paint));
    return tr("bubble: %1").arg(toQt(cause));
  }
  switch (paint) {
    case Paint::kForward:
      return tr("forward (F)");
    case Paint::kBackward:
      return tr("backward (B)");
    case Paint::kWeight:
      return tr("weight gradient (W)");
    case Paint::kRecompute:
      return tr("recompute");
    case Paint::kComm:
      return tr("communication");
    case Paint::kCompute:
      return tr("compute");
    case Paint::kCopy:
      return tr("copy, set");
    case Paint::kHostOp:
      return tr("host operator");
    case Paint::kHostCall:
      return tr("runtime call");
    case Paint::kAnnotation:
      return tr("annotation");
    case Paint::kPython:
      return tr("python");
    case Paint::kOverhead:
      return tr("profiler overhead");
    default:
      return tr("other");
  }
}

const Theme& theme(ThemeKind kind) {
  static const Theme light = makeTheme(ThemeKind::kLight);
  static const Theme dark = makeTheme(ThemeKind::kDark);
  return kind == ThemeKind::kDark ? dark : light;
}

QString nameOf(ThemeKind kind) {
  return kind == ThemeKind::kDark ? QStringLiteral("dark") : QStringLiteral("light");
}

double contrast(const QColor& a, const QColor& b) {
  const double la = luminance(a);
  const double lb = luminance(b);
  return (std::max(la, lb) + 0.05) / (std::min(la, lb) + 0.05);
}

QColor withContrast(QColor colour, const QColor& background, double ratio) {
  const bool lighten = luminance(background) < 0.2;
  float h = 0, s = 0, l = 0;
  colour.getHslF(&h, &s, &l);
  while (contrast(colour, background) < ratio && l > 0.0F && l < 1.0F) {
    l = std::clamp(l + (lighten ? 0.01F : -0.01F), 0.0F, 1.0F);
    colour = QColor::fromHslF(std::max(h, 0.0F), s, l);
  }
  return colour;
}

QColor textOn(const QColor& fill) {
  return contrast(fill, Qt::white) >= contrast(fill, Qt::black) ? QColor(Qt::white)
                                                                : QColor(Qt::black);
}

}  // namespace caracal::ui
