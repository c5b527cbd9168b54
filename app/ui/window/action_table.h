// Every action of the window: its id, words and default keys in one table. The user's own keys are
// read from and written to the settings by id; `?` lists what is in force.
#pragma once

#include <QAction>
#include <QKeySequence>
#include <QObject>
#include <map>
#include <string_view>
#include <vector>

class QSettings;
class QWidget;

namespace caracal::ui {

enum class KeyScope : uint8_t {
  kWindow,    // wherever the focus is
  kTimeline,  // only while the timeline has the focus: plain letters must not eat typed text
};

struct ActionSpec {
  const char* id;
  const char* text;  // translated in context "Actions"
  const char* keys;  // several separated by '|'
  KeyScope scope;
};
const std::vector<ActionSpec>& actionTable();

class ActionBook : public QObject {
  Q_OBJECT
 public:
  // Makes a QAction for every entry of the table; those of the timeline work while `timeline` has
  // the focus, the others in `window`.
  ActionBook(QWidget* window, QWidget* timeline);

  // REQUIRES an id of the table.
  QAction* operator[](std::string_view id) const;
  QList<QKeySequence> keysOf(std::string_view id) const { return (*this)[id]->shortcuts(); }
  // Replaces the keys of one action. Returns the id of the action that has one of them already, in
  // which case nothing changes; empty: done.
  std::string setKeys(std::string_view id, const QList<QKeySequence>& keys);
  void resetKeys();

  void load(const QSettings& settings);
  void save(QSettings& settings) const;  // only what differs from the table

 private:
  std::map<std::string_view, QAction*> m_actions;
};

}  // namespace caracal::ui
