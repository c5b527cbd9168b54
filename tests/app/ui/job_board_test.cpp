#include "app/ui/jobs/job_board.h"

#include <gtest/gtest.h>

#include <QAbstractItemModelTester>
#include <QCoreApplication>
#include <QDeadlineTimer>
#include <QEventLoop>
#include <QThread>
#include <atomic>
#include <thread>

namespace caracal::ui {
namespace {

using Answer = Result<int>;

bool waitFor(const std::function<bool()>& condition) {
  const QDeadlineTimer deadline(5000);
  while (!condition() && !deadline.hasExpired())
    QCoreApplication::processEvents(QEventLoop::AllEvents, 10);
  return condition();
}

// Works until it is stopped.
Answer untilStopped(std::stop_token stop, const Progress&) {
  while (!stop.stop_requested()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  return fail(ErrorCode::kCancelled, "stopped");
}

TEST(JobSlot, theResultComesBackOnTheGuiThread) {
  JobBoard board;
  JobSlot slot(board);
  QThread* const gui = QThread::currentThread();
  int got = 0;
  QThread* worker = nullptr;
  slot.start<int>(
      QStringLiteral("add"),
      [&worker](std::stop_token, const Progress&) -> Answer {
        worker = QThread::currentThread();
        return 42;
      },
      [&](const Answer& answer) {
        EXPECT_EQ(QThread::currentThread(), gui);
        got = *answer;
      });
  EXPECT_TRUE(slot.running());
  ASSERT_TRUE(waitFor([&] { return got == 42; }));
  EXPECT_NE(worker, gui);
  EXPECT_FALSE(slot.running());
  EXPECT_FALSE(board.busy());
}

TEST(JobSlot, aNewerJobStopsTheOlderOneAndDropsItsResult) {
  JobBoard board;
  JobSlot slot(board);
  std::vector<int> results;
  slot.start<int>(QStringLiteral("old"), untilStopped,
                  [&](const Answer&) { results.push_back(1); });
  slot.start<int>(
      QStringLiteral("new"), [](std::stop_token, const Progress&) -> Answer { return 2; },
      [&](const Answer& answer) { results.push_back(*answer); });
  ASSERT_TRUE(waitFor([&] { return !board.busy(); }));
  EXPECT_EQ(results, std::vector<int>{2});
}

TEST(JobSlot, aSlotThatGoesAwayDropsItsResult) {
  JobBoard board;
  bool called = false;
  {
    JobSlot slot(board);
    slot.start<int>(QStringLiteral("orphan"), untilStopped, [&](const Answer&) { called = true; });
  }
  ASSERT_TRUE(waitFor([&] { return !board.busy(); }));
  EXPECT_FALSE(called);
}

TEST(JobBoard, cancellingInThePanelTellsTheJob) {
  JobBoard board;
  JobSlot slot(board);
  ErrorCode code = ErrorCode::kIo;
  slot.start<int>(QStringLiteral("long"), untilStopped,
                  [&](const Answer& answer) { code = answer.error().code; });
  board.cancel(0);
  ASSERT_TRUE(waitFor([&] { return !board.busy(); }));
  EXPECT_EQ(code, ErrorCode::kCancelled);
}

TEST(JobBoard, progressReachesThePanel) {
  JobBoard board;
  QAbstractItemModelTester tester(&board, QAbstractItemModelTester::FailureReportingMode::Warning);
  JobSlot slot(board);
  slot.start<int>(
      QStringLiteral("load"),
      [](std::stop_token stop, const Progress& progress) -> Answer {
        while (!stop.stop_requested()) {
          report(progress, 0.5, "reading rank 3");
          std::this_thread::sleep_for(std::chrono::milliseconds(5));
        }
        return 0;
      },
      [](const Answer&) {});
  ASSERT_TRUE(waitFor([&] { return board.fraction() == 0.5; }));
  EXPECT_EQ(board.index(0, JobBoard::kPhase).data().toString(), QStringLiteral("reading rank 3"));
  EXPECT_EQ(board.index(0, JobBoard::kProgress).data().toString(), QStringLiteral("50 %"));
  slot.cancel();
  EXPECT_TRUE(waitFor([&] { return !board.busy(); }));
}

TEST(JobBoard, endsWithoutWaitingForLongJobs) {
  const auto start = std::chrono::steady_clock::now();
  {
    JobBoard board;
    JobSlot slot(board);
    slot.start<int>(QStringLiteral("long"), untilStopped, [](const Answer&) {});
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(2));
}

}  // namespace
}  // namespace caracal::ui
