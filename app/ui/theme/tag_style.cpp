#include "app/ui/theme/tag_style.h"

#include <QCoreApplication>

namespace caracal::ui {
namespace {

QString tr(const char* text) {
  return QCoreApplication::translate("TagStyle", text);
}

}  // namespace

QString tagGlyph(trace::Tag tag) {
  switch (tag) {
    case trace::Tag::kMeasured:
      return QStringLiteral("\u25cf");
    case trace::Tag::kEmulated:
      return QStringLiteral("\u25d0");
    case trace::Tag::kSimulated:
      return QStringLiteral("\u25cb");
    case trace::Tag::kEstimated:
      return QStringLiteral("\u2248");
  }
  return {};
}

QString tagText(trace::Tag tag) {
  switch (tag) {
    case trace::Tag::kMeasured:
      return tagGlyph(tag) + tr(" measured");
    case trace::Tag::kEmulated:
      return tagGlyph(tag) + tr(" emulated");
    case trace::Tag::kSimulated:
      return tagGlyph(tag) + tr(" simulated");
    case trace::Tag::kEstimated:
      return tagGlyph(tag) + tr(" estimated");
  }
  return {};
}

QString tagToolTip(trace::Tag tag) {
  switch (tag) {
    case trace::Tag::kMeasured:
      return tr("Measured on a real clock.");
    case trace::Tag::kEmulated:
      return tr("Real operators, but a virtual clock or emulated links.");
    case trace::Tag::kSimulated:
      return tr("Computed by the simulator from measured or estimated operators.");
    case trace::Tag::kEstimated:
      return tr("From a model description, not from a run.");
  }
  return {};
}

QColor tagColour(trace::Tag tag, const Theme& theme) {
  switch (tag) {
    case trace::Tag::kMeasured:
      return theme.of(Paint::kBackward);
    case trace::Tag::kEmulated:
      return theme.of(Paint::kForward);
    case trace::Tag::kSimulated:
      return theme.of(Paint::kRecompute);
    case trace::Tag::kEstimated:
      return theme.of(Paint::kComm);
  }
  return theme.text;
}

}  // namespace caracal::ui
