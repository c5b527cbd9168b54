#include "app/ui/window/action_table.h"

#include <gtest/gtest.h>

#include <QSettings>
#include <QTemporaryDir>
#include <QWidget>
#include <map>

#include "app/ui/window/command_palette.h"
#include "app/ui/window/keys_dialog.h"
#include "app/ui/window/settings.h"

namespace caracal::ui {
namespace {

class Actions : public testing::Test {
 protected:
  QWidget m_window;
  QWidget* m_timeline = new QWidget(&m_window);
  ActionBook m_book{&m_window, m_timeline};
  QTemporaryDir m_folder;
};

TEST_F(Actions, noTwoActionsShareAKey) {
  std::map<QString, std::string> owners;
  for (const ActionSpec& spec : actionTable()) {
    for (const QKeySequence& key : m_book.keysOf(spec.id)) {
      EXPECT_FALSE(key.isEmpty()) << spec.id << " has a key that Qt does not know";
      EXPECT_TRUE(owners.emplace(key.toString(), spec.id).second)
          << spec.id << " and " << owners[key.toString()];
    }
  }
}

TEST_F(Actions, theKeysOfTheHandbookAreThere) {
  const std::map<std::string, QString> expected{{"view.zoomIn", "W"},
                                                {"view.zoomOut", "S"},
                                                {"view.panLeft", "A"},
                                                {"view.panRight", "D"},
                                                {"view.focus", "F"},
                                                {"view.fit", "Home"},
                                                {"view.zoomSelection", "Z"},
                                                {"mark.set", "M"},
                                                {"mark.keep", "Shift+M"},
                                                {"go.nextBlock", "."},
                                                {"go.previousBlock", ","},
                                                {"go.effect", "]"},
                                                {"go.cause", "["},
                                                {"go.nextBubble", "N"},
                                                {"go.previousBubble", "P"},
                                                {"go.nextStep", "J"},
                                                {"go.previousStep", "K"},
                                                {"view.back", "Alt+Left"},
                                                {"view.forward", "Alt+Right"},
                                                {"edit.find", "Ctrl+F"},
                                                {"edit.findSlash", "/"},
                                                {"edit.findNext", "F3"},
                                                {"edit.findPrevious", "Shift+F3"},
                                                {"help.palette", "Ctrl+Shift+P"},
                                                {"edit.undo", "Ctrl+Z"},
                                                {"edit.redo", "Ctrl+Shift+Z"},
                                                {"edit.clear", "Esc"},
                                                {"help.keys", "?"}};
  for (const auto& [id, key] : expected)
    EXPECT_TRUE(m_book.keysOf(id).contains(QKeySequence(key))) << id;
}

TEST_F(Actions, ownKeysSurviveARestartAndTakenOnesAreRefused) {
  EXPECT_EQ(m_book.setKeys("view.focus", {QKeySequence(QStringLiteral("W"))}), "view.zoomIn");
  EXPECT_EQ(m_book.setKeys("view.focus", {QKeySequence(QStringLiteral("Ctrl+G"))}), "");
  const auto settings = openSettings(m_folder.filePath(QStringLiteral("s.ini")));
  m_book.save(*settings);
  QWidget other;
  ActionBook again(&other, &other);
  again.load(*settings);
  EXPECT_EQ(again.keysOf("view.focus"),
            QList<QKeySequence>{QKeySequence(QStringLiteral("Ctrl+G"))});
  again.resetKeys();
  again.save(*settings);
  EXPECT_TRUE(settings->allKeys().isEmpty()) << "default keys leave nothing in the settings";
}

TEST_F(Actions, dialogsShowEveryAction) {
  KeysDialog keys(m_book);
  CommandPalette palette(m_book);
  EXPECT_FALSE(keys.grab().isNull());
  EXPECT_FALSE(palette.grab().isNull());
}

TEST(Settings, recentFilesAreDistinctNewestFirstAndBounded) {
  const QTemporaryDir folder;
  const auto settings = openSettings(folder.filePath(QStringLiteral("s.ini")));
  for (int i = 0; i < 20; ++i) addRecent(*settings, {QStringLiteral("/tmp/%1.json").arg(i)});
  addRecent(*settings, {QStringLiteral("/tmp/15.json")});
  addRecent(*settings, {QStringLiteral("/tmp/a.json"), QStringLiteral("/tmp/b.json")});
  const QList<QStringList> recent = recentFiles(*settings);
  ASSERT_EQ(recent.size(), 12);
  EXPECT_EQ(recent[0], (QStringList{QStringLiteral("/tmp/a.json"), QStringLiteral("/tmp/b.json")}));
  EXPECT_EQ(recent[1], QStringList{QStringLiteral("/tmp/15.json")});
  EXPECT_EQ(recent.count(QStringList{QStringLiteral("/tmp/15.json")}), 1);
}

}  // namespace
}  // namespace caracal::ui
