#include "app/ui/plan/measure_run.h"

#include <gtest/gtest.h>

#include <QFile>
#include <QSignalSpy>
#include <QTemporaryDir>

#include "app/ui/plan/plan_session.h"
#include "tests/app/ui/demo_profile.h"

namespace caracal::ui {
namespace {

TEST(MeasureLine, stepsMoveTheProgress) {
  const MeasureLine line =
      parseMeasureLine(R"({"event":"step","step":1,"loss":4.5,"stepNs":100})", 4);
  EXPECT_DOUBLE_EQ(line.fraction, 0.5);
  EXPECT_TRUE(line.words.contains(QStringLiteral("step 2 of 4")));
}

TEST(MeasureLine, errorsAreKeptAndNoiseIsIgnored) {
  EXPECT_TRUE(
      parseMeasureLine(R"({"event":"error","code":"io","message":"disk full"})", 4).isError);
  EXPECT_EQ(parseMeasureLine(R"({"event":"error","message":"disk full"})", 4).words,
            QStringLiteral("disk full"));
  EXPECT_TRUE(parseMeasureLine("Segmentation fault", 4).words.isEmpty());
  EXPECT_TRUE(parseMeasureLine("", 4).words.isEmpty());
}

// A stand-in for caracal-run: what it does is a line of shell.
class FakeRun : public testing::Test {
 protected:
  void install(const QByteArray& script) {
    QFile file(program());
    ASSERT_TRUE(file.open(QIODevice::WriteOnly));
    file.write(
        "#!/bin/sh\nwhile [ $# -gt 0 ]; do [ \"$1\" = --record ] && record=$2; shift; done\n" +
        script);
    file.setPermissions(QFile::ReadOwner | QFile::WriteOwner | QFile::ExeOwner);
  }
  QString program() const { return m_folder.filePath(QStringLiteral("caracal-run")); }
  MeasureRequest request() {
    const auto profile = test::demoProfile();
    return {profile, *startingPlan(*profile), 2, m_folder.filePath(QStringLiteral("out.sqlite")),
            program()};
  }
  QTemporaryDir m_folder;
  MeasureRun m_run;
};

TEST_F(FakeRun, reportsProgressThenTheRecording) {
  install("echo '{\"event\":\"step\",\"step\":0,\"loss\":5}'; touch \"$record\"\n");
  QSignalSpy finished(&m_run, &MeasureRun::finished);
  QSignalSpy progressed(&m_run, &MeasureRun::progressed);
  m_run.start(request());
  ASSERT_TRUE(finished.wait(10000));
  EXPECT_FALSE(finished.front().at(1).toBool());
  EXPECT_GE(progressed.count(), 2);
}

TEST_F(FakeRun, aFailureIsSaidInTheProgramsOwnWords) {
  install("echo '{\"event\":\"error\",\"message\":\"the plan is for another model\"}'; exit 1\n");
  QSignalSpy failed(&m_run, &MeasureRun::failed);
  m_run.start(request());
  ASSERT_TRUE(failed.wait(10000));
  EXPECT_TRUE(
      failed.front().front().toString().contains(QStringLiteral("the plan is for another model")));
}

TEST_F(FakeRun, aKilledRunIsReported) {
  install("kill -9 $$\n");
  QSignalSpy failed(&m_run, &MeasureRun::failed);
  m_run.start(request());
  ASSERT_TRUE(failed.wait(10000));
  EXPECT_TRUE(failed.front().front().toString().contains(QStringLiteral("signal")));
}

TEST_F(FakeRun, cancelIsPassedOnAsAnInterrupt) {
  install(
      "trap 'touch \"$record\"; exit 0' INT\necho '{\"event\":\"step\",\"step\":0,\"loss\":5}'\n"
      "i=0; while [ $i -lt 200 ]; do sleep 0.05; i=$((i+1)); done\nexit 1\n");
  QSignalSpy finished(&m_run, &MeasureRun::finished);
  QSignalSpy progressed(&m_run, &MeasureRun::progressed);
  m_run.start(request());
  while (progressed.count() < 2) ASSERT_TRUE(progressed.wait(10000));
  m_run.cancel();
  ASSERT_TRUE(finished.wait(10000));
  EXPECT_TRUE(finished.front().at(1).toBool());
}

TEST(MeasureArguments, carryTheLinksOfTheProfile) {
  const auto profile = test::demoProfile();
  const QStringList arguments = measureArguments({profile, {}, 3, QStringLiteral("/tmp/r.sqlite")},
                                                 QStringLiteral("/tmp/p.json"));
  const QString expected = QStringLiteral("%1ns,%2B/s")
                               .arg(profile->tensorLink.latencyNs)
                               .arg(profile->tensorLink.bytesPerSecond, 0, 'f', 0);
  EXPECT_EQ(arguments.value(arguments.indexOf(QStringLiteral("--link-tensor")) + 1), expected);
  EXPECT_EQ(arguments.value(arguments.indexOf(QStringLiteral("--steps")) + 1), QStringLiteral("3"));
}

}  // namespace
}  // namespace caracal::ui
