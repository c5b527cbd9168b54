#include "app/ui/measure/measure_session.h"

#include <gtest/gtest.h>
#include <signal.h>

#include <QApplication>
#include <QDeadlineTimer>
#include <QDir>
#include <QFile>
#include <QFileInfo>
#include <QSignalSpy>
#include <QTemporaryDir>

#include "app/runs/abilities.h"
#include "app/runs/program.h"
#include "app/runs/shell_words.h"
#include "app/ui/measure/calibrator.h"
#include "app/ui/plan/plan_edits.h"
#include "core/profile/model_description.h"
#include "tests/app/ui/tiny_profile.h"

namespace caracal::ui {
namespace {

using Kind = RunOutcome::Kind;

bool waitFor(const std::function<bool()>& condition) {
  const QDeadlineTimer deadline(60000);
  while (!condition() && !deadline.hasExpired())
    QApplication::processEvents(QEventLoop::AllEvents, 10);
  return condition();
}

// Processes with this text among their arguments.
std::vector<pid_t> processesNaming(const QString& text) {
  std::vector<pid_t> found;
  for (const QString& name : QDir(QStringLiteral("/proc")).entryList(QDir::Dirs)) {
    bool isPid = false;
    const auto pid = static_cast<pid_t>(name.toLongLong(&isPid));
    QFile file(QStringLiteral("/proc/%1/cmdline").arg(name));
    if (isPid && file.open(QIODevice::ReadOnly) && file.readAll().contains(text.toUtf8()))
      found.push_back(pid);
  }
  return found;
}

// The real caracal-run on a tiny job.
class Measuring : public testing::Test {
 protected:
  void SetUp() override {
    MeasureSettings settings;
    settings.clock = QStringLiteral("virtual");
    settings.steps = 3;
    settings.folder = m_folder.filePath(QStringLiteral("runs"));
    m_session.setSettings(settings);
    m_plan.setProfile(test::tinyProfile());
    ASSERT_TRUE(waitFor([this] { return m_plan.evaluation() != nullptr; }));
    QObject::connect(&m_session, &MeasureSession::recorded, &m_workspace,
                     [this](const QString& recording) {
                       m_recording = recording;
                       m_workspace.open({recording}, Workspace::OpenMode::kAdd);
                     });
    QObject::connect(&m_session, &MeasureSession::ended, &m_session,
                     [this](const RunOutcome& outcome) { m_outcome = outcome; });
    QObject::connect(&m_session, &MeasureSession::failed, &m_session,
                     [this](const QString& words) { m_problem = words; });
  }
  void setSteps(int steps) {
    MeasureSettings settings = m_session.settings();
    settings.steps = steps;
    m_session.setSettings(settings);
  }
  void prepare(Calibrator& calibrator) {
    QFile model(m_folder.filePath(QStringLiteral("tiny.json")));
    ASSERT_TRUE(model.open(QIODevice::WriteOnly));
    model.write(QByteArray::fromStdString(test::tinyModelJson()));
    calibrator.setModel(model.fileName());
    calibrator.setFile(m_folder.filePath(QStringLiteral("hardware/here.json")));
  }
  bool compared() {
    return waitFor([this] { return m_session.comparison() != nullptr || !m_problem.isEmpty(); }) &&
           m_session.comparison() != nullptr;
  }

  QTemporaryDir m_folder;
  JobBoard m_jobs;
  TimelineController m_timeline;
  Workspace m_workspace{m_jobs, m_timeline};
  PlanSession m_plan{m_jobs};
  MeasureSession m_session{m_jobs, m_workspace, m_plan};
  std::optional<RunOutcome> m_outcome;
  QString m_problem;
  QString m_recording;
};

TEST_F(Measuring, setsARealRunBesideItsPrediction) {
  QSignalSpy stepped(&m_session, &MeasureSession::stepped);
  m_session.measure();
  EXPECT_TRUE(m_session.running());
  ASSERT_TRUE(compared()) << m_problem.toStdString();
  ASSERT_TRUE(m_outcome);
  EXPECT_EQ(m_outcome->kind, Kind::kAllSteps) << m_outcome->words.toStdString();
  ASSERT_EQ(stepped.count(), 3);
  const auto last = stepped.back().front().value<runs::RunStep>();
  EXPECT_GT(last.stepNs, 0);
  EXPECT_GT(last.loss, 0);
  ASSERT_EQ(last.rankPeakBytes.size(), 4U);
  for (const int64_t bytes : last.rankPeakBytes) EXPECT_GT(bytes, 0);

  const runs::Measurement& measurement = m_session.comparison()->measurement;
  EXPECT_EQ(measurement.measured.tag, trace::Tag::kEmulated);
  EXPECT_EQ(measurement.predicted.tag, trace::Tag::kSimulated);
  EXPECT_FALSE(measurement.note.empty()) << "the profile is of another machine";
  EXPECT_EQ(measurement.measured.planHash, measurement.predicted.planHash);
  // F and B of 4 micro-batches on 2 stages.
  EXPECT_EQ(measurement.passes.size(), 16U);
  for (const auto& pass : measurement.passes) {
    EXPECT_GT(pass.predicted.durationNs, 0);
    EXPECT_GT(pass.measured.durationNs, 0);
  }
  EXPECT_FALSE(m_session.running());
  EXPECT_TRUE(waitFor([this] { return !m_jobs.busy(); }));
}

TEST_F(Measuring, theCommandShownIsTheCommandThatRan) {
  const QString program = m_folder.filePath(QStringLiteral("it's caracal-run"));
  QFile file(program);
  ASSERT_TRUE(file.open(QIODevice::WriteOnly));
  file.write("#!/bin/sh\nfor w; do printf '%s\\n' \"$w\"; done > \"$(dirname \"$0\")/words\"\n");
  file.setPermissions(QFile::ReadOwner | QFile::WriteOwner | QFile::ExeOwner);
  file.close();
  m_session.setProgram(program);
  const auto shown = m_session.command();
  ASSERT_TRUE(shown);
  m_session.measure();
  EXPECT_EQ(m_session.command().value_or(QString()), *shown);
  ASSERT_TRUE(waitFor([this] { return m_outcome.has_value(); }));
  QFile words(m_folder.filePath(QStringLiteral("words")));
  ASSERT_TRUE(words.open(QIODevice::ReadOnly));
  std::vector<std::string> ran{program.toStdString()};
  for (const QByteArray& line : words.readAll().trimmed().split('\n'))
    ran.push_back(line.toStdString());
  EXPECT_EQ(*runs::shellWords(shown->toStdString()), ran);
}

TEST_F(Measuring, theCommandNamesBackendAndLauncher) {
  const auto words = [this] { return *runs::shellWords(m_session.command()->toStdString()); };
  const auto has = [](const std::vector<std::string>& all, const std::string& word) {
    return std::find(all.begin(), all.end(), word) != all.end();
  };
  MeasureSettings settings = m_session.settings();
  settings.backend = QStringLiteral("cuda");
  m_session.setSettings(settings);
  EXPECT_TRUE(has(words(), "--backend") && has(words(), "cuda"));
  settings.backend.clear();
  settings.processes = true;
  m_session.setSettings(settings);
  if (!runs::findProgram("mpirun")) {
    EXPECT_NE(m_session.command().error().message.find("mpirun"), std::string::npos);
    return;
  }
  EXPECT_TRUE(words().front().ends_with("mpirun"));
  EXPECT_EQ(words()[2], "4") << "a process for each rank of the plan";
  EXPECT_TRUE(has(words(), "--clock"));
}

TEST_F(Measuring, ranksAsProcessesAreMeasuredAsThreadsAre) {
  qputenv("ASAN_OPTIONS", "detect_leaks=0");  // of ranks: Open MPI keeps memory to its end
  const auto abilities = runs::askAbilities({});
  ASSERT_TRUE(abilities) << abilities.error().text();
  if (!abilities->whyNoProcesses.empty()) GTEST_SKIP() << abilities->whyNoProcesses;
  MeasureSettings settings = m_session.settings();
  settings.processes = true;
  m_session.setSettings(settings);
  m_session.measure();
  ASSERT_TRUE(compared()) << m_problem.toStdString();
  EXPECT_EQ(m_outcome->kind, Kind::kAllSteps) << m_outcome->words.toStdString();
  EXPECT_EQ(m_session.comparison()->measurement.passes.size(), 16U);
}

TEST_F(Measuring, aStoppedRunKeepsItsStepsAndOpens) {
  setSteps(100000);
  QObject::connect(&m_session, &MeasureSession::stepped, &m_session,
                   [this](const runs::RunStep& s) {
                     if (s.step == 2) m_session.stop();
                   });
  m_session.measure();
  ASSERT_TRUE(compared()) << m_problem.toStdString();
  EXPECT_EQ(m_outcome->kind, Kind::kStopped);
  EXPECT_GE(m_outcome->steps, 3);
  EXPECT_GE(m_session.comparison()->measurement.measured.steps, 2);
}

TEST_F(Measuring, ofAKilledRunWhatWasRecordedOpensAndTheSignalIsNamed) {
  setSteps(100000);
  QObject::connect(&m_session, &MeasureSession::stepped, &m_session,
                   [this](const runs::RunStep& s) {
                     if (s.step != 2) return;
                     for (const pid_t pid : processesNaming(m_folder.path())) ::kill(pid, SIGKILL);
                   });
  m_session.measure();
  ASSERT_TRUE(compared()) << m_problem.toStdString();
  EXPECT_EQ(m_outcome->kind, Kind::kFailed);
  EXPECT_TRUE(m_outcome->words.contains(QStringLiteral("signal 9")))
      << m_outcome->words.toStdString();
  EXPECT_GE(m_session.comparison()->measurement.measured.steps, 2);
}

TEST_F(Measuring, aPlanOverItsBudgetIsRefusedInCaracalRunsWords) {
  m_plan.edit(withBudget(m_plan.plan(), 1000), QStringLiteral("tight"));
  m_session.measure();
  ASSERT_TRUE(waitFor([this] { return m_outcome.has_value(); }));
  EXPECT_EQ(m_outcome->kind, Kind::kFailed);
  EXPECT_TRUE(m_outcome->words.contains(QStringLiteral("budget")))
      << m_outcome->words.toStdString();
  EXPECT_TRUE(m_recording.isEmpty());
}

TEST_F(Measuring, aProgramThatIsMissingAndAFolderThatCannotBeMadeAreSaid) {
  m_session.setProgram(QStringLiteral("/nowhere/caracal-run"));
  m_session.measure();
  ASSERT_TRUE(waitFor([this] { return m_outcome.has_value(); }));
  EXPECT_TRUE(m_outcome->words.contains(QStringLiteral("/nowhere/caracal-run")));
  MeasureSettings settings = m_session.settings();
  settings.folder = QStringLiteral("/proc/no-such-folder");
  m_session.setSettings(settings);
  m_session.measure();
  ASSERT_TRUE(waitFor([this] { return !m_problem.isEmpty(); }));
  EXPECT_TRUE(m_problem.contains(QStringLiteral("/proc/no-such-folder")));
  settings.tensorLink = QStringLiteral("fast");
  m_session.setSettings(settings);
  EXPECT_NE(m_session.command().error().message.find("\"fast\" is not a link"), std::string::npos);
}

TEST_F(Measuring, anOpenRunOfThePlanIsComparedWithoutBeingAskedFor) {
  m_session.measure();
  ASSERT_TRUE(compared()) << m_problem.toStdString();
  MeasureSession later(m_jobs, m_workspace, m_plan);
  QSignalSpy spy(&later, &MeasureSession::compared);
  m_workspace.open({m_recording}, Workspace::OpenMode::kReplace);
  ASSERT_TRUE(spy.wait(20000));
  EXPECT_EQ(later.comparison()->recording, m_recording);
}

TEST_F(Measuring, otherLinksThanTheProfilesArePredictedAnewAndSaid) {
  MeasureSettings settings = m_session.settings();
  settings.pipelineLink = QStringLiteral("5ms,1GB/s");
  m_session.setSettings(settings);
  m_session.measure();
  ASSERT_TRUE(compared()) << m_problem.toStdString();
  const runs::Measurement& measurement = m_session.comparison()->measurement;
  EXPECT_FALSE(measurement.note.empty());
  EXPECT_GT(measurement.predicted.stepNs, 10'000'000) << "two hops of 5 ms are in it";
}

TEST_F(Measuring, calibratesThisMachine) {
  Calibrator calibrator(m_jobs);
  prepare(calibrator);
  MeasureSettings settings = m_session.settings();
  QString problem;
  QObject::connect(&calibrator, &Calibrator::failed, &calibrator,
                   [&](const QString& words) { problem = words; });
  calibrator.start(settings);
  ASSERT_TRUE(waitFor([&] { return calibrator.calibration().has_value() || !problem.isEmpty(); }));
  ASSERT_TRUE(problem.isEmpty()) << problem.toStdString();
  const auto hardware = profile::loadHardware(calibrator.file().toStdString());
  ASSERT_TRUE(hardware) << hardware.error().text();
  EXPECT_EQ(hardware->matrixFlops, calibrator.calibration()->hardware.matrixFlops);
}

TEST_F(Measuring, calibratingIsStoppedAtOnceAndKeepsNothing) {
  Calibrator calibrator(m_jobs);
  prepare(calibrator);
  MeasureSettings settings = m_session.settings();
  settings.steps = 1'000'000;
  QSignalSpy stopped(&calibrator, &Calibrator::stopped);
  calibrator.start(settings);
  ASSERT_TRUE(waitFor([this] {
    return m_jobs.fraction() >= 0 && m_jobs.phase().contains(QStringLiteral("step"));
  }));
  calibrator.stop();
  EXPECT_EQ(stopped.count(), 1);
  EXPECT_TRUE(waitFor([this] { return !m_jobs.busy(); }))
      << "caracal-run was ended, not waited for";
  EXPECT_FALSE(QFile::exists(calibrator.file()));
}

TEST(MeasureSettings, surviveBeingWrittenAndRead) {
  MeasureSettings settings{QStringLiteral("wall"),      17,
                           QStringLiteral("1us,2GB/s"), {},
                           QStringLiteral("0,0"),       QStringLiteral("/a b/c"),
                           QStringLiteral("cuda"),      true};
  EXPECT_EQ(measureSettingsFromJson(toJson(settings)), settings);
  EXPECT_EQ(measureSettingsFromJson(QStringLiteral("not JSON")), MeasureSettings{});
  EXPECT_EQ(measureSettingsFromJson(QStringLiteral(R"({"clock":"sun","steps":-4})")).steps, 1);
  EXPECT_TRUE(measureSettingsFromJson(QStringLiteral(R"({"backend":"abacus"})")).backend.isEmpty());
}

TEST(MeasureFiles, takeTheNextNumberThatIsFree) {
  const QTemporaryDir folder;
  MeasureSettings settings;
  settings.folder = folder.path();
  const auto name = [&](const char* policy) {
    return QFileInfo(nextMeasureFiles(settings, QString::fromLatin1(policy)).recording).fileName();
  };
  EXPECT_EQ(name("heu+"), QStringLiteral("heu+-001.sqlite"));
  for (const char* taken : {"heu+-007.plan.json", "heu+-012", "heu-020.sqlite"}) {
    QFile file(folder.filePath(QLatin1String(taken)));
    ASSERT_TRUE(file.open(QIODevice::WriteOnly));
  }
  EXPECT_EQ(name("heu+"), QStringLiteral("heu+-008.sqlite"));
  EXPECT_EQ(name("heu"), QStringLiteral("heu-021.sqlite"));
  EXPECT_EQ(name("uniform:2"), QStringLiteral("uniform-2-001.sqlite"));
}

}  // namespace
}  // namespace caracal::ui
