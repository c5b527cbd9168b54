#include "app/ui/theme/app_theme.h"

#include <QApplication>
#include <QPalette>
#include <QStyleFactory>

namespace caracal::ui {

void applyTheme(QApplication& app, ThemeKind kind) {
  const Theme& t = theme(kind);
  QPalette palette;
  palette.setColor(QPalette::Window, t.rowAlternate);
  palette.setColor(QPalette::WindowText, t.text);
  palette.setColor(QPalette::Base, t.background);
  palette.setColor(QPalette::AlternateBase, t.rowAlternate);
  palette.setColor(QPalette::Text, t.text);
  palette.setColor(QPalette::PlaceholderText, t.mutedText);
  palette.setColor(QPalette::Button, t.groupBand);
  palette.setColor(QPalette::ButtonText, t.text);
  palette.setColor(QPalette::ToolTipBase, t.groupBand);
  palette.setColor(QPalette::ToolTipText, t.text);
  palette.setColor(QPalette::Highlight, t.accent);
  palette.setColor(QPalette::HighlightedText, textOn(t.accent));
  palette.setColor(QPalette::Link, t.accent);
  palette.setColor(QPalette::Light, t.groupBand.lighter(120));
  palette.setColor(QPalette::Mid, t.grid);
  palette.setColor(QPalette::Dark, t.grid.darker(130));
  palette.setColor(QPalette::Shadow, t.grid.darker(200));
  for (const QPalette::ColorRole role :
       {QPalette::WindowText, QPalette::Text, QPalette::ButtonText}) {
    palette.setColor(QPalette::Disabled, role, t.mutedText);
  }
  app.setStyle(QStyleFactory::create(QStringLiteral("Fusion")));
  app.setPalette(palette);
}

ThemeKind desktopTheme() {
  return QPalette().color(QPalette::Window).lightnessF() < 0.5F ? ThemeKind::kDark
                                                                : ThemeKind::kLight;
}

}  // namespace caracal::ui
