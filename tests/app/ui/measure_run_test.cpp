#include "app/ui/measure/measure_run.h"

#include <gtest/gtest.h>

#include <QFile>
#include <QSignalSpy>
#include <QTemporaryDir>

namespace caracal::ui {
namespace {

using Kind = RunOutcome::Kind;
using namespace std::chrono_literals;

const char* const kStep = "echo '{\"event\":\"step\",\"step\":0,\"loss\":5}'\n";

// A stand-in for caracal-run: what it does is a line of shell.
class FakeRun : public testing::Test {
 protected:
  void install(const QByteArray& script) {
    QFile file(program());
    ASSERT_TRUE(file.open(QIODevice::WriteOnly));
    file.write("#!/bin/sh\n" + script);
    file.setPermissions(QFile::ReadOwner | QFile::WriteOwner | QFile::ExeOwner);
  }
  QString program() const { return m_folder.filePath(QStringLiteral("caracal-run")); }
  // How it ended; `onStep` is called after its first step.
  RunOutcome run(const std::function<void()>& onStep = {}) {
    QSignalSpy ended(&m_run, &MeasureRun::ended);
    if (onStep) QObject::connect(&m_run, &MeasureRun::stepped, &m_run, onStep);
    m_run.start(program(), {});
    EXPECT_TRUE(!ended.isEmpty() || ended.wait(20000));
    return ended.isEmpty() ? RunOutcome{} : ended.front().front().value<RunOutcome>();
  }
  QTemporaryDir m_folder;
  MeasureRun m_run{200ms};
};

TEST_F(FakeRun, tellsItsStepsAndThatItIsDone) {
  install(kStep + QByteArray("echo '{\"event\":\"end\",\"steps\":1,\"stopped\":\"allSteps\"}'\n"));
  QSignalSpy stepped(&m_run, &MeasureRun::stepped);
  const RunOutcome outcome = run();
  EXPECT_EQ(outcome.kind, Kind::kAllSteps);
  EXPECT_EQ(outcome.steps, 1);
  EXPECT_EQ(stepped.count(), 1);
}

TEST_F(FakeRun, aFailureIsSaidInTheProgramsOwnWords) {
  install("echo '{\"event\":\"error\",\"message\":\"the plan is for another model\"}'; exit 1\n");
  const RunOutcome outcome = run();
  EXPECT_EQ(outcome.kind, Kind::kFailed);
  EXPECT_EQ(outcome.words, QStringLiteral("the plan is for another model"));
}

TEST_F(FakeRun, withoutAnErrorEventItsStandardErrorSpeaks) {
  install("echo 'cannot open libopenblas.so.0' >&2; exit 127\n");
  EXPECT_EQ(run().words, QStringLiteral("cannot open libopenblas.so.0"));
}

TEST_F(FakeRun, aKilledRunNamesTheSignal) {
  install(kStep + QByteArray("kill -9 $$\n"));
  const RunOutcome outcome = run();
  EXPECT_EQ(outcome.kind, Kind::kFailed);
  EXPECT_EQ(outcome.steps, 1);
  EXPECT_TRUE(outcome.words.contains(QStringLiteral("signal 9"))) << outcome.words.toStdString();
}

TEST_F(FakeRun, aProgramThatIsNotThereIsNamed) {
  const RunOutcome outcome = run();
  EXPECT_EQ(outcome.kind, Kind::kFailed);
  EXPECT_TRUE(outcome.words.contains(program())) << outcome.words.toStdString();
}

TEST_F(FakeRun, aStopIsPassedOnAsAnInterrupt) {
  install(
      "trap 'echo \"{\\\"event\\\":\\\"end\\\",\\\"stopped\\\":\\\"signal\\\"}\"; exit 0' INT\n" +
      QByteArray(kStep) + "while :; do sleep 0.02; done\n");
  const RunOutcome outcome = run([this] { m_run.stop(); });
  EXPECT_EQ(outcome.kind, Kind::kStopped);
}

TEST_F(FakeRun, whatIgnoresTheInterruptIsKilledWhenItsGraceIsOver) {
  install("trap '' INT\n" + QByteArray(kStep) + "while :; do sleep 0.02; done\n");
  const RunOutcome outcome = run([this] { m_run.stop(); });
  EXPECT_EQ(outcome.kind, Kind::kStopped);
  EXPECT_TRUE(outcome.words.contains(QStringLiteral("cut off"))) << outcome.words.toStdString();
}

TEST_F(FakeRun, aRunThatEndsByItselfAfterAStopIsDone) {
  install("trap '' INT\n" + QByteArray(kStep) +
          "echo '{\"event\":\"end\",\"stopped\":\"allSteps\"}'\n");
  EXPECT_EQ(run([this] { m_run.stop(); }).kind, Kind::kAllSteps);
}

}  // namespace
}  // namespace caracal::ui
