// Jobs: work off the GUI thread. A JobBoard runs them on its thread pool and lists what runs for
// the jobs panel; a JobSlot is one purpose ("evaluate the plan"), whose newer job replaces the
// older one.
//
// A job is a core function (stop_token, Progress) -> Result<T> that knows no Qt. Its result comes
// back on the GUI thread by a queued call, and is dropped when the slot has started a newer job or
// is gone. Everything here belongs to the GUI thread, except Progress, which the worker calls.
#pragma once

#include <QAbstractTableModel>
#include <QObject>
#include <QPointer>
#include <QThreadPool>
#include <functional>
#include <memory>
#include <stop_token>
#include <vector>

#include "core/base/progress.h"
#include "core/base/result.h"

namespace caracal::ui {

class JobSlot;
class JobRow;

// The model of the jobs panel: title, phase, progress.
class JobBoard : public QAbstractTableModel {
  Q_OBJECT
 public:
  enum Column { kTitle, kPhase, kProgress, kColumnCount };

  explicit JobBoard(QObject* parent = nullptr);
  // Stops every job and waits for them; they react within a tenth of a second.
  ~JobBoard() override;

  void cancel(int row);
  void cancelAll();
  bool busy() const { return !m_jobs.empty(); }
  // 0 to 1 of the job started last; -1 when nothing runs.
  double fraction() const;
  QString phase() const;

  int rowCount(const QModelIndex& parent = {}) const override;
  int columnCount(const QModelIndex& parent = {}) const override;
  QVariant data(const QModelIndex& index, int role) const override;
  QVariant headerData(int section, Qt::Orientation orientation, int role) const override;

 signals:
  void changed();  // anything started, moved or ended

 private:
  friend class JobSlot;
  friend class JobRow;
  struct Job {
    quint64 id = 0;
    QString title;
    QString phase;
    double fraction = 0;
    std::stop_source stop;
  };

  // Runs `work` on the pool; `finished` is posted to the GUI thread. Returns the job's number.
  quint64 run(const QString& title, std::stop_source stop,
              std::function<void(std::stop_token, const Progress&)> work,
              std::function<void()> finished);
  quint64 add(const QString& title, std::stop_source stop);
  void update(quint64 id, double fraction, const QString& phase);
  void remove(quint64 id);
  int rowOf(quint64 id) const;

  QThreadPool m_pool;
  std::vector<Job> m_jobs;
  quint64 m_lastId = 0;
};

// A row for work that runs elsewhere, such as a program beside the window; the row goes with the
// object.
class JobRow {
 public:
  // `stop`: called when the user stops the job; it must not end this object.
  JobRow(JobBoard& board, const QString& title, std::function<void()> stop);
  ~JobRow();
  JobRow(const JobRow&) = delete;
  JobRow& operator=(const JobRow&) = delete;
  // fraction 0 to 1
  void update(double fraction, const QString& phase);

 private:
  QPointer<JobBoard> m_board;
  std::stop_source m_source;
  std::stop_callback<std::function<void()>> m_onStop;
  quint64 m_id = 0;
};

class JobSlot {
 public:
  explicit JobSlot(JobBoard& board) : m_board(&board), m_current(std::make_shared<quint64>(0)) {}
  ~JobSlot() { cancel(); }
  JobSlot(const JobSlot&) = delete;
  JobSlot& operator=(const JobSlot&) = delete;

  // Stops what this slot runs and starts `work`. `done` is called on the GUI thread unless a newer
  // start() or cancel() came first.
  template <class T>
  void start(const QString& title, std::function<Result<T>(std::stop_token, const Progress&)> work,
             std::function<void(Result<T>)> done);
  // The running job's result will be dropped.
  void cancel();
  bool running() const { return m_running && *m_running; }

 private:
  JobBoard* m_board;
  std::stop_source m_stop{std::nostopstate};
  // Number of the newest start; jobs hold it too, to see whether they are still wanted.
  std::shared_ptr<quint64> m_current;
  std::shared_ptr<bool> m_running;
};

template <class T>
void JobSlot::start(const QString& title,
                    std::function<Result<T>(std::stop_token, const Progress&)> work,
                    std::function<void(Result<T>)> done) {
  cancel();
  m_stop = std::stop_source();
  m_running = std::make_shared<bool>(true);
  // Written by the worker, read after the queued call: the event queue orders the two.
  auto result = std::make_shared<std::unique_ptr<Result<T>>>();
  const quint64 mine = *m_current;
  m_board->run(
      title, m_stop,
      [work = std::move(work), result](std::stop_token stop, const Progress& progress) {
        *result = std::make_unique<Result<T>>(work(std::move(stop), progress));
      },
      [result, done = std::move(done), current = m_current, running = m_running, mine] {
        if (*current != mine) return;
        *running = false;
        done(std::move(**result));
      });
}

}  // namespace caracal::ui
