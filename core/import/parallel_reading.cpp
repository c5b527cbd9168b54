#include "core/import/parallel_reading.h"

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <functional>
#include <map>
#include <mutex>
#include <new>
#include <optional>
#include <system_error>
#include <thread>

#include "core/trace/freed_memory.h"

namespace caracal::import {
namespace {

using trace::TraceBuilder;

// One fraction out of those of all files, weighted by their size, and at most one report a percent.
class JointProgress {
 public:
  JointProgress(const std::vector<InputFile>& files, const Progress& progress)
      : m_progress(progress) {
    for (const InputFile& file : files)
      m_weights.push_back(static_cast<double>(file.storedBytes + 1));
    for (double weight : m_weights) m_total += weight;
    m_done.resize(files.size());
  }

  void report(size_t file, double fraction, std::string_view phase) {
    if (!m_progress) return;
    const std::lock_guard lock(m_mutex);
    const double before = m_done[file];
    m_done[file] = std::clamp(fraction, before, 1.0);
    m_sum += (m_done[file] - before) * m_weights[file] / m_total;
    if (m_sum < m_reported + 0.01) return;
    m_reported = m_sum;
    m_progress(std::min(m_sum, 1.0), phase);
  }

 private:
  const Progress& m_progress;
  std::vector<double> m_weights;
  double m_total = 0;
  std::mutex m_mutex;  // guards the three below and the call
  std::vector<double> m_done;
  double m_sum = 0;
  double m_reported = -1;
};

// Notes say the name of their file, or the path where several files have one name.
void nameFilesInNotes(const std::vector<InputFile>& files,
                      std::vector<Result<TraceBuilder>>& results) {
  const auto nameOf = [&](size_t i) { return std::filesystem::path(files[i].path).filename(); };
  std::map<std::string, int> filesNamed;
  for (size_t i = 0; i < files.size(); ++i) ++filesNamed[nameOf(i).string()];
  for (size_t i = 0; i < files.size(); ++i) {
    if (!results[i]) continue;
    const std::string name = nameOf(i).string();
    const std::string& shown = filesNamed[name] > 1 ? files[i].path : name;
    for (std::string& note : results[i]->report().notes) note = shown + ": " + note;
  }
}

// A reader may run out of memory anywhere; that must not end the process (the other files may fit).
Result<TraceBuilder> readFile(const InputFile& file, const LoadOptions& options,
                              const std::stop_token& stop, const Progress& progress) {
  try {
    auto builder = file.importer->read(file.path, options, stop, progress);
    if (builder) {
      trace::giveBackFreedMemory();  // what the reader has used
      if (!builder->pack(stop)) return fail(ErrorCode::kCancelled, "loading was cancelled");
    }
    return builder;
  } catch (const std::bad_alloc&) {
    return fail(ErrorCode::kOutOfMemory,
                "not enough memory to load this file; load fewer ranks at once");
  }
}

int threadCount(const LoadOptions& options, size_t files) {
  const int wanted =
      options.threads > 0 ? options.threads : static_cast<int>(std::thread::hardware_concurrency());
  return std::clamp(wanted, 1, static_cast<int>(files));
}

// Largest first, so that no thread is left alone with the biggest file at the end.
std::vector<size_t> bySize(const std::vector<InputFile>& files) {
  std::vector<size_t> order(files.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return files[a].storedBytes > files[b].storedBytes; });
  return order;
}

std::vector<Result<TraceBuilder>> readEach(const std::vector<InputFile>& files,
                                           const LoadOptions& options, std::stop_token stop,
                                           const Progress& progress) {
  std::vector<std::optional<Result<TraceBuilder>>> results(files.size());
  JointProgress joint(files, progress);
  const std::vector<size_t> order = bySize(files);
  std::vector<std::string> phases;
  for (const InputFile& file : files)
    phases.push_back("reading " + std::filesystem::path(file.path).filename().string());
  std::atomic<size_t> next{0};
  const auto work = [&] {
    for (size_t turn = next++; turn < order.size(); turn = next++) {
      const size_t i = order[turn];
      const auto own = [&joint, i, &phase = phases[i]](double fraction, std::string_view) {
        joint.report(i, fraction, phase);
      };
      results[i] = readFile(files[i], options, stop, std::ref(own));
      own(1.0, {});
    }
  };
  {
    std::vector<std::jthread> others;
    const int threads = threadCount(options, files.size());
    others.reserve(static_cast<size_t>(threads));
    try {
      for (int t = 1; t < threads; ++t) others.emplace_back(work);
    } catch (const std::system_error&) {
      // No memory for one more stack: the threads that run read all files.
    }
    work();
  }
  std::vector<Result<TraceBuilder>> all;
  all.reserve(results.size());
  for (auto& result : results) all.push_back(std::move(*result));
  return all;
}

// Files that were read on the assumption of a later begin of the run than it has: read again,
// whole.
void readWholeWhereCutWrongly(const std::vector<InputFile>& files, LoadOptions options,
                              const std::stop_token& stop,
                              std::vector<Result<TraceBuilder>>& results) {
  std::optional<int64_t> runBeginNs;
  for (const auto& result : results) {
    if (!result || result->range() == Span{}) continue;
    runBeginNs = std::min(runBeginNs.value_or(result->range().beginNs), result->range().beginNs);
  }
  options.cutsEarly = false;
  for (size_t i = 0; i < files.size() && runBeginNs; ++i) {
    const int64_t assumedNs =
        results[i] ? results[i]->assumedRunBegin().value_or(*runBeginNs) : *runBeginNs;
    if (*runBeginNs < assumedNs) results[i] = readFile(files[i], options, stop, {});
  }
}

}  // namespace

std::vector<Result<TraceBuilder>> readAll(const std::vector<InputFile>& files,
                                          const LoadOptions& options, const std::stop_token& stop,
                                          const Progress& progress) {
  auto results = readEach(files, options, stop, progress);
  readWholeWhereCutWrongly(files, options, stop, results);
  nameFilesInNotes(files, results);
  return results;
}

}  // namespace caracal::import
