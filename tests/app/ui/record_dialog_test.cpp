#include "app/ui/record/record_dialog.h"

#include <gtest/gtest.h>

#include <QFile>
#include <QPlainTextEdit>
#include <QPushButton>
#include <QSignalSpy>
#include <QTemporaryDir>
#include <QTest>

#include "app/runs/shell_words.h"

namespace caracal::ui {
namespace {

device::RecorderReport aRecorder(const std::string& problem = {}) {
  return {"/lib/libcaracal_inject.so", "13.0", problem.empty() ? "13.0" : "", problem};
}

// A stand-in for `caracal`: it writes its words beside itself and does what a line of shell does.
class Recording : public testing::Test {
 protected:
  void SetUp() override {
    m_dialog.setRecorder(aRecorder());
    m_dialog.setProgram(m_folder.filePath(QStringLiteral("caracal")));
    RecordSettings settings;
    settings.command = QStringLiteral("python 'my train.py' --steps 3");
    settings.folder = m_folder.filePath(QStringLiteral("a run"));
    m_dialog.setSettings(settings);
  }
  void install(const QByteArray& script) {
    QFile file(m_folder.filePath(QStringLiteral("caracal")));
    ASSERT_TRUE(file.open(QIODevice::WriteOnly));
    file.write("#!/bin/sh\nprintf '%s\\n' \"$0\" \"$@\" > \"$(dirname \"$0\")/words\"\nout=$3\n" +
               script);
    file.setPermissions(QFile::ReadOwner | QFile::WriteOwner | QFile::ExeOwner);
  }
  void run() {
    QSignalSpy ended(&m_dialog, &RecordDialog::ended);
    m_dialog.record();
    ASSERT_TRUE(!ended.isEmpty() || ended.wait(20000));
  }
  QPushButton* button(const char* text) {
    for (QPushButton* candidate : m_dialog.findChildren<QPushButton*>()) {
      if (candidate->text() == QLatin1String(text)) return candidate;
    }
    return nullptr;
  }
  QString output() {
    QString text;
    for (const QPlainTextEdit* edit : m_dialog.findChildren<QPlainTextEdit*>())
      text += edit->toPlainText();
    return text;
  }
  QTemporaryDir m_folder;
  JobBoard m_jobs;
  RecordDialog m_dialog{m_jobs};
};

TEST_F(Recording, runsTheCommandItShowsAndOffersTheRecording) {
  install("mkdir -p \"$out\"; touch \"$out/rank0.sqlite\"; echo training; echo $SEED\n");
  RecordSettings settings = m_dialog.settings();
  settings.steps = QStringLiteral("10-13");
  settings.seconds = 2.5;
  settings.kinds = recorder::kKindKernel | recorder::kKindNvtx;
  settings.environment = QStringLiteral("SEED=seven of nine\n\nB=1");
  m_dialog.setSettings(settings);
  const QString shown = m_dialog.command();
  ASSERT_NO_FATAL_FAILURE(run());
  EXPECT_TRUE(output().contains(QStringLiteral("training"))) << output().toStdString();
  EXPECT_TRUE(output().contains(QStringLiteral("\nseven of nine")));
  QFile words(m_folder.filePath(QStringLiteral("words")));
  ASSERT_TRUE(words.open(QIODevice::ReadOnly));
  std::vector<std::string> ran{"env", "SEED=seven of nine", "B=1"};
  for (const QByteArray& line : words.readAll().trimmed().split('\n'))
    ran.push_back(line.toStdString());
  EXPECT_EQ(*runs::shellWords(shown.toStdString()), ran);
  QSignalSpy opened(&m_dialog, &RecordDialog::openRequested);
  ASSERT_NE(button("Open the recording"), nullptr);
  EXPECT_TRUE(button("Open the recording")->isEnabled());
  button("Open the recording")->click();
  EXPECT_EQ(opened.front().front().toString(), settings.folder);
}

TEST_F(Recording, aCommandThatFailsIsSaidAndNothingIsOffered) {
  install("echo 'there is no command python' >&2; exit 1\n");
  ASSERT_NO_FATAL_FAILURE(run());
  EXPECT_TRUE(output().contains(QStringLiteral("there is no command python")));
  EXPECT_TRUE(m_dialog.words().contains(QStringLiteral("exit status 1")));
  EXPECT_FALSE(button("Open the recording")->isEnabled());
}

TEST_F(Recording, isStoppedByAnInterruptAndKeepsWhatThereIs) {
  install(
      "mkdir -p \"$out\"; trap 'touch \"$out/rank0.sqlite\"; exit 130' INT\necho started\n"
      "while :; do sleep 0.02; done\n");
  QSignalSpy ended(&m_dialog, &RecordDialog::ended);
  m_dialog.record();
  while (!output().contains(QStringLiteral("started"))) QTest::qWait(10);
  EXPECT_FALSE(button("Record")->isEnabled());
  m_dialog.stop();
  ASSERT_TRUE(ended.wait(20000));
  EXPECT_TRUE(m_dialog.words().contains(m_dialog.settings().folder));
}

TEST_F(Recording, whatIsMissingHereIsSaidAndDisablesRecording) {
  m_dialog.setRecorder(fail(ErrorCode::kNotFound, "there is no libcaracal_inject.so"));
  EXPECT_TRUE(m_dialog.words().contains(QStringLiteral("no libcaracal_inject.so")));
  EXPECT_FALSE(button("Record")->isEnabled());
  m_dialog.setRecorder(aRecorder("there is no CUPTI"));
  EXPECT_TRUE(m_dialog.words().contains(QStringLiteral("there is no CUPTI")));
  EXPECT_FALSE(button("Record")->isEnabled());
  RecordSettings settings = m_dialog.settings();
  settings.kinds = recorder::kKindNvtx;
  m_dialog.setSettings(settings);
  EXPECT_TRUE(button("Record")->isEnabled()) << "NVTX needs no CUPTI";
}

TEST_F(Recording, whatCannotBeRunIsSaidInsteadOfACommand) {
  const RecordSettings good = m_dialog.settings();
  const auto refused = [&](auto change) {
    RecordSettings settings = good;
    change(settings);
    m_dialog.setSettings(settings);
    return m_dialog.command().isEmpty() && !button("Record")->isEnabled();
  };
  EXPECT_TRUE(refused([](RecordSettings& s) { s.command.clear(); }));
  EXPECT_TRUE(refused([](RecordSettings& s) { s.command = QStringLiteral("a | b"); }));
  EXPECT_TRUE(refused([](RecordSettings& s) { s.kinds = 0; }));
  EXPECT_TRUE(refused([](RecordSettings& s) { s.steps = QStringLiteral("some"); }));
  EXPECT_TRUE(refused([](RecordSettings& s) { s.environment = QStringLiteral("FAST"); }));
  EXPECT_FALSE(refused([](RecordSettings&) {}));
}

TEST(RecordSettings, surviveBeingWrittenAndRead) {
  RecordSettings settings{QStringLiteral("a 'b c'"),
                          QStringLiteral("/x y"),
                          recorder::kKindKernel | recorder::kKindRuntime,
                          QStringLiteral("3-4"),
                          1.5,
                          QStringLiteral("A=1\nB=2")};
  EXPECT_EQ(recordSettingsFromJson(toJson(settings)), settings);
  EXPECT_EQ(recordSettingsFromJson(QStringLiteral("[]")), RecordSettings{});
}

}  // namespace
}  // namespace caracal::ui
