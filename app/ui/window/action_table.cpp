#include "app/ui/window/action_table.h"

#include <QCoreApplication>
#include <QSettings>
#include <QWidget>
#include <algorithm>
#include <cassert>

#include "app/ui/qt_text.h"

namespace caracal::ui {
namespace {

constexpr KeyScope kWin = KeyScope::kWindow;
constexpr KeyScope kTime = KeyScope::kTimeline;

QString settingsKey(std::string_view id) {
  return QStringLiteral("keys/") + toQt(id);
}

QList<QKeySequence> defaultKeys(const ActionSpec& spec) {
  QList<QKeySequence> keys;
  for (const QString& text :
       QString::fromLatin1(spec.keys).split(QLatin1Char('|'), Qt::SkipEmptyParts)) {
    keys << QKeySequence(text);
  }
  return keys;
}

}  // namespace

const std::vector<ActionSpec>& actionTable() {
  static const std::vector<ActionSpec> kTable{
      {"file.open", QT_TRANSLATE_NOOP("Actions", "Open traces, profile, plan or project..."),
       "Ctrl+O", kWin},
      {"file.openFolder", QT_TRANSLATE_NOOP("Actions", "Open a folder of traces..."),
       "Ctrl+Shift+O", kWin},
      {"file.add", QT_TRANSLATE_NOOP("Actions", "Add a run to compare..."), "Ctrl+Shift+A", kWin},
      {"file.closeAll", QT_TRANSLATE_NOOP("Actions", "Close everything"), "Ctrl+W", kWin},
      {"file.render", QT_TRANSLATE_NOOP("Actions", "Save the timeline as a picture..."),
       "Ctrl+Shift+S", kWin},
      {"file.quit", QT_TRANSLATE_NOOP("Actions", "Quit"), "Ctrl+Q", kWin},
      {"edit.undo", QT_TRANSLATE_NOOP("Actions", "Undo"), "Ctrl+Z", kWin},
      {"edit.redo", QT_TRANSLATE_NOOP("Actions", "Redo"), "Ctrl+Shift+Z", kWin},
      {"edit.copyDetails", QT_TRANSLATE_NOOP("Actions", "Copy details of the block"),
       "Ctrl+Shift+C", kWin},
      {"edit.find", QT_TRANSLATE_NOOP("Actions", "Find by regular expression"), "Ctrl+F", kWin},
      {"edit.findSlash", QT_TRANSLATE_NOOP("Actions", "Find (timeline)"), "/", kTime},
      {"edit.findNext", QT_TRANSLATE_NOOP("Actions", "Next hit"), "F3", kWin},
      {"edit.findPrevious", QT_TRANSLATE_NOOP("Actions", "Previous hit"), "Shift+F3", kWin},
      {"view.zoomIn", QT_TRANSLATE_NOOP("Actions", "Zoom in at the cursor"), "W|+|=", kTime},
      {"view.zoomOut", QT_TRANSLATE_NOOP("Actions", "Zoom out at the cursor"), "S|-", kTime},
      {"view.panLeft", QT_TRANSLATE_NOOP("Actions", "Pan left"), "A|Left", kTime},
      {"view.panRight", QT_TRANSLATE_NOOP("Actions", "Pan right"), "D|Right", kTime},
      {"view.focus", QT_TRANSLATE_NOOP("Actions", "Focus the block, then fit everything"), "F",
       kTime},
      {"view.fit", QT_TRANSLATE_NOOP("Actions", "Whole trace"), "Home", kTime},
      {"view.zoomSelection", QT_TRANSLATE_NOOP("Actions", "Zoom to the selection"), "Z", kTime},
      {"view.back", QT_TRANSLATE_NOOP("Actions", "Previous view"), "Alt+Left", kWin},
      {"view.forward", QT_TRANSLATE_NOOP("Actions", "Next view"), "Alt+Right", kWin},
      {"view.foldAll", QT_TRANSLATE_NOOP("Actions", "Fold all rows"), "Shift+F", kTime},
      {"view.unfoldAll", QT_TRANSLATE_NOOP("Actions", "Unfold all rows"), "Shift+U", kTime},
      {"view.byRank", QT_TRANSLATE_NOOP("Actions", "All ranks instead of stages"), "G", kTime},
      {"view.foldSteps", QT_TRANSLATE_NOOP("Actions", "Fold steps onto each other, and back"), "O",
       kTime},
      {"view.theme", QT_TRANSLATE_NOOP("Actions", "Dark theme"), "Ctrl+T", kWin},
      {"go.nextBlock", QT_TRANSLATE_NOOP("Actions", "Next block of the row"), ".", kTime},
      {"go.previousBlock", QT_TRANSLATE_NOOP("Actions", "Previous block of the row"), ",", kTime},
      {"go.effect", QT_TRANSLATE_NOOP("Actions", "Follow the dependency forward"), "]", kTime},
      {"go.cause", QT_TRANSLATE_NOOP("Actions", "Follow the dependency back"), "[", kTime},
      {"go.nextBubble", QT_TRANSLATE_NOOP("Actions", "Next bubble"), "N", kTime},
      {"go.previousBubble", QT_TRANSLATE_NOOP("Actions", "Previous bubble"), "P", kTime},
      {"go.nextStep", QT_TRANSLATE_NOOP("Actions", "Next step"), "J", kTime},
      {"go.previousStep", QT_TRANSLATE_NOOP("Actions", "Previous step"), "K", kTime},
      {"mark.set", QT_TRANSLATE_NOOP("Actions", "Mark this time"), "M", kTime},
      {"mark.keep", QT_TRANSLATE_NOOP("Actions", "Keep a mark here"), "Shift+M", kTime},
      {"edit.clear", QT_TRANSLATE_NOOP("Actions", "Clear range, search or selection"), "Esc",
       kTime},
      {"layout.analyse", QT_TRANSLATE_NOOP("Actions", "Layout: analyse"), "Ctrl+1", kWin},
      {"layout.plan", QT_TRANSLATE_NOOP("Actions", "Layout: plan"), "Ctrl+2", kWin},
      {"layout.measure", QT_TRANSLATE_NOOP("Actions", "Layout: measure"), "Ctrl+4", kWin},
      {"layout.compare", QT_TRANSLATE_NOOP("Actions", "Layout: compare"), "Ctrl+3", kWin},
      {"measure.start", QT_TRANSLATE_NOOP("Actions", "Measure the plan"), "Ctrl+M", kWin},
      {"measure.stop", QT_TRANSLATE_NOOP("Actions", "Stop measuring"), "Ctrl+Shift+M", kWin},
      {"measure.record", QT_TRANSLATE_NOOP("Actions", "Record a CUDA job..."), "Ctrl+R", kWin},
      {"help.palette", QT_TRANSLATE_NOOP("Actions", "Command palette"), "Ctrl+Shift+P", kWin},
      {"help.keys", QT_TRANSLATE_NOOP("Actions", "Keys and gestures"), "?", kTime},
      {"help.about", QT_TRANSLATE_NOOP("Actions", "About Caracal"), "", kWin},
  };
  return kTable;
}

ActionBook::ActionBook(QWidget* window, QWidget* timeline) : QObject(window) {
  for (const ActionSpec& spec : actionTable()) {
    QWidget* owner = spec.scope == KeyScope::kWindow ? window : timeline;
    auto* action = new QAction(QCoreApplication::translate("Actions", spec.text), owner);
    action->setObjectName(QLatin1String(spec.id));
    action->setShortcuts(defaultKeys(spec));
    action->setShortcutContext(spec.scope == KeyScope::kWindow ? Qt::WindowShortcut
                                                               : Qt::WidgetWithChildrenShortcut);
    owner->addAction(action);
    m_actions.emplace(spec.id, action);
  }
}

QAction* ActionBook::operator[](std::string_view id) const {
  const auto found = m_actions.find(id);
  assert(found != m_actions.end() && "actions are named by the table");
  return found->second;
}

std::string ActionBook::setKeys(std::string_view id, const QList<QKeySequence>& keys) {
  for (const auto& [other, action] : m_actions) {
    if (other == id) continue;
    for (const QKeySequence& key : keys) {
      if (action->shortcuts().contains(key)) return std::string(other);
    }
  }
  (*this)[id]->setShortcuts(keys);
  return {};
}

void ActionBook::resetKeys() {
  for (const ActionSpec& spec : actionTable()) (*this)[spec.id]->setShortcuts(defaultKeys(spec));
}

void ActionBook::load(const QSettings& settings) {
  for (const ActionSpec& spec : actionTable()) {
    const QVariant stored = settings.value(settingsKey(spec.id));
    if (!stored.isValid()) continue;
    (*this)[spec.id]->setShortcuts(
        QKeySequence::listFromString(stored.toString(), QKeySequence::PortableText));
  }
}

void ActionBook::save(QSettings& settings) const {
  for (const ActionSpec& spec : actionTable()) {
    const QList<QKeySequence> keys = keysOf(spec.id);
    if (keys == defaultKeys(spec)) {
      settings.remove(settingsKey(spec.id));
    } else {
      settings.setValue(settingsKey(spec.id),
                        QKeySequence::listToString(keys, QKeySequence::PortableText));
    }
  }
}

}  // namespace caracal::ui
