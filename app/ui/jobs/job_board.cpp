#include "app/ui/jobs/job_board.h"

#include <QMetaObject>
#include <QRunnable>
#include <algorithm>
#include <chrono>
#include <mutex>

#include "app/ui/qt_text.h"

namespace caracal::ui {
namespace {

// Progress arrives as often as the worker likes; the GUI thread hears of it ten times a second.
class Throttle {
 public:
  bool due() {
    const std::lock_guard lock(m_mutex);
    const auto now = std::chrono::steady_clock::now();
    if (now - m_last < std::chrono::milliseconds(100)) return false;
    m_last = now;
    return true;
  }

 private:
  std::mutex m_mutex;  // guards m_last: one job may report from several threads
  std::chrono::steady_clock::time_point m_last{};
};

}  // namespace

JobBoard::JobBoard(QObject* parent) : QAbstractTableModel(parent) {
  // Loads use threads of their own; two jobs beside them keep the plan panel quick.
  m_pool.setMaxThreadCount(std::max(3, QThread::idealThreadCount()));
}

JobBoard::~JobBoard() {
  cancelAll();
  m_pool.waitForDone();
}

quint64 JobBoard::run(const QString& title, std::stop_source stop,
                      std::function<void(std::stop_token, const Progress&)> work,
                      std::function<void()> finished) {
  const quint64 id = add(title, stop);
  const auto throttle = std::make_shared<Throttle>();
  // The pool is a member and its destructor waits, so the board outlives every worker.
  m_pool.start([this, id, stop, throttle, work = std::move(work), finished = std::move(finished)] {
    work(stop.get_token(), [this, id, throttle](double fraction, std::string_view phase) {
      if (!throttle->due()) return;
      const QString text = toQt(phase);
      QMetaObject::invokeMethod(
          this, [this, id, fraction, text] { update(id, fraction, text); }, Qt::QueuedConnection);
    });
    QMetaObject::invokeMethod(
        this,
        [this, id, finished] {
          remove(id);
          finished();
        },
        Qt::QueuedConnection);
  });
  return id;
}

quint64 JobBoard::add(const QString& title, std::stop_source stop) {
  const quint64 id = ++m_lastId;
  beginInsertRows({}, rowCount(), rowCount());
  m_jobs.push_back({id, title, {}, 0.0, std::move(stop)});
  endInsertRows();
  emit changed();
  return id;
}

int JobBoard::rowOf(quint64 id) const {
  const auto it =
      std::find_if(m_jobs.begin(), m_jobs.end(), [id](const Job& job) { return job.id == id; });
  return it == m_jobs.end() ? -1 : static_cast<int>(it - m_jobs.begin());
}

void JobBoard::update(quint64 id, double fraction, const QString& phase) {
  const int row = rowOf(id);
  if (row < 0) return;
  m_jobs[static_cast<size_t>(row)].fraction = fraction;
  m_jobs[static_cast<size_t>(row)].phase = phase;
  emit dataChanged(index(row, 0), index(row, kColumnCount - 1));
  emit changed();
}

void JobBoard::remove(quint64 id) {
  const int row = rowOf(id);
  if (row < 0) return;
  beginRemoveRows({}, row, row);
  m_jobs.erase(m_jobs.begin() + row);
  endRemoveRows();
  emit changed();
}

void JobBoard::cancel(int row) {
  if (row < 0 || row >= rowCount()) return;
  Job& job = m_jobs[static_cast<size_t>(row)];
  job.stop.request_stop();
  job.phase = tr("stopping");
  emit dataChanged(index(row, 0), index(row, kColumnCount - 1));
}

void JobBoard::cancelAll() {
  for (int row = 0; row < rowCount(); ++row) cancel(row);
}

double JobBoard::fraction() const {
  return m_jobs.empty() ? -1.0 : m_jobs.back().fraction;
}

QString JobBoard::phase() const {
  if (m_jobs.empty()) return {};
  const Job& job = m_jobs.back();
  return job.phase.isEmpty() ? job.title : tr("%1: %2").arg(job.title, job.phase);
}

int JobBoard::rowCount(const QModelIndex& parent) const {
  return parent.isValid() ? 0 : static_cast<int>(m_jobs.size());
}

int JobBoard::columnCount(const QModelIndex& parent) const {
  return parent.isValid() ? 0 : kColumnCount;
}

QVariant JobBoard::data(const QModelIndex& index, int role) const {
  if (!index.isValid() || role != Qt::DisplayRole) return {};
  const Job& job = m_jobs[static_cast<size_t>(index.row())];
  switch (index.column()) {
    case kTitle:
      return job.title;
    case kPhase:
      return job.phase;
    case kProgress:
      return tr("%1 %").arg(static_cast<int>(job.fraction * 100));
    default:
      return {};
  }
}

QVariant JobBoard::headerData(int section, Qt::Orientation orientation, int role) const {
  if (orientation != Qt::Horizontal || role != Qt::DisplayRole) return {};
  switch (section) {
    case kTitle:
      return tr("Job");
    case kPhase:
      return tr("Doing");
    case kProgress:
      return tr("Progress");
    default:
      return {};
  }
}

JobRow::JobRow(JobBoard& board, const QString& title, std::function<void()> stop)
    : m_board(&board),
      m_onStop(m_source.get_token(), std::move(stop)),
      m_id(board.add(title, m_source)) {}

JobRow::~JobRow() {
  if (m_board) m_board->remove(m_id);
}

void JobRow::update(double fraction, const QString& phase) {
  if (m_board) m_board->update(m_id, fraction, phase);
}

void JobSlot::cancel() {
  m_stop.request_stop();
  ++*m_current;
  if (m_running) *m_running = false;
}

}  // namespace caracal::ui
