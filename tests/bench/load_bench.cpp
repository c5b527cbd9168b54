// How traces load, file by file on one core, and a run of 64 files on all of them: MB/s of the
// plain text, by the clock and by processor time, events/s, bytes an event; peak memory as a
// multiple of the finished store, beyond an empty process and beyond one that has read a file of
// the same kind without events, which is what the buffers of one file take; and beside that, in the
// same run, what others
// that run here take for the same files: Python's json, a loader on pandas, a bare sqlite3_step
// loop. Figures are medians of three runs, each in a process of its own.
//
// usage: load_bench [FILE...]; without files the largest sample traces, a generated file and a
// generated run. CARACAL_BENCH_JSON_MB: size of each of these two, 256 by default.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "core/import/importer.h"
#include "core/import/input/input_stream.h"
#include "tests/bench/bare_sqlite.h"
#include "tests/bench/child_process.h"
#include "tests/bench/sample_trace.h"

namespace caracal::bench {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

constexpr int kRuns = 3;
// What runSelf() asks for.
constexpr const char* kNothing = "--nothing";
constexpr const char* kLoad = "--load";
constexpr const char* kStep = "--step";
// Debian's, which has Debian's python3-pandas.
constexpr const char* kPython = "/usr/bin/python3";

struct Loaded {
  double seconds = 0;
  double cpuSeconds = 0;
  double events = 0;
  double storeBytes = 0;
  double peakRssBytes = 0;
};

// The median of kRuns by processor time, of which a child does the work `repeats` times; nothing
// when one fails.
std::optional<Loaded> medianOf(const std::function<std::optional<ChildRun>()>& run,
                               int repeats = 1) {
  std::vector<Loaded> all;
  for (int i = 0; i < kRuns; ++i) {
    const auto child = run();
    if (!child) return std::nullopt;
    Loaded loaded{.cpuSeconds = child->cpuSeconds / repeats,
                  .peakRssBytes = static_cast<double>(child->peakRssBytes)};
    std::istringstream output(child->output);
    output >> loaded.seconds >> loaded.events >> loaded.storeBytes;
    double ownPeak = 0;
    if (output >> ownPeak) loaded.peakRssBytes = ownPeak;
    loaded.seconds /= repeats;
    all.push_back(loaded);
  }
  std::sort(all.begin(), all.end(),
            [](const Loaded& a, const Loaded& b) { return a.cpuSeconds < b.cpuSeconds; });
  return all[kRuns / 2];
}

// What is loaded together: one file, or the files of a run.
struct Input {
  std::string name;
  std::vector<std::string> paths;
  FileKind kind = FileKind::kJson;
  double bytes = 0;  // of a database; of text after decompression
};

// Databases that are read in milliseconds are read again and again: a process alone takes as long.
int repeatsOf(const Input& input) {
  constexpr double kLeastBytes = 32e6;
  return input.kind == FileKind::kSqlite ? std::max(1, static_cast<int>(kLeastBytes / input.bytes))
                                         : 1;
}

std::string load(const std::vector<std::string>& paths, int repeats) {
  double seconds = 0;
  std::shared_ptr<const trace::Trace> trace;
  for (int i = 0; i < repeats; ++i) {
    trace = nullptr;
    const auto loaded = import::loadTraces(paths, {.threads = paths.size() == 1 ? 1 : 0});
    if (!loaded) return {};
    seconds += loaded->seconds;
    trace = loaded->trace;
  }
  return fmt::format("{} {} {}", seconds, trace->eventCount(), trace->memoryBytes());
}

// Size of the text, after decompression.
double textBytes(const std::string& path) {
  auto stream = import::InputStream::open(path);
  std::string block(1 << 20, ' ');
  double bytes = 0;
  while (stream) {
    const size_t got = stream->read(block.data(), block.size()).value_or(0);
    if (got == 0) break;
    bytes += static_cast<double>(got);
  }
  return bytes;
}

// This program again, in a process of its own that begins with no memory: what another measurement
// has left would hide what a load takes.
std::optional<ChildRun> runSelf(const char* what, int repeats,
                                const std::vector<std::string>& paths) {
  std::vector<std::string> command{fs::read_symlink("/proc/self/exe").string(), what,
                                   std::to_string(repeats)};
  command.insert(command.end(), paths.begin(), paths.end());
  return runProgram(command);
}

std::string step(const std::string& path, int repeats) {
  const auto begin = Clock::now();
  int64_t rows = 0, sum = 0;
  for (int i = 0; i < repeats; ++i) rows = stepThrough(path, sum);
  return fmt::format("{} {} {}", std::chrono::duration<double>(Clock::now() - begin).count(), rows,
                     sum == 0 ? 0 : 1);
}

struct Peer {
  const char* name;
  std::function<std::optional<ChildRun>()> run;
};

std::vector<std::string> commandOf(std::vector<std::string> command, const Input& input) {
  command.insert(command.end(), input.paths.begin(), input.paths.end());
  return command;
}

std::vector<Peer> peersOf(const Input& input) {
  if (input.kind == FileKind::kSqlite) {
    return {{"sqlite3_step", [=] { return runSelf(kStep, repeatsOf(input), input.paths); }}};
  }
  constexpr const char* kJson =
      "import gzip, json, sys, time\n"
      "start = time.perf_counter()\n"
      "n = 0\n"
      "for p in sys.argv[1:]:\n"
      "  f = gzip.open(p, 'rb') if open(p, 'rb').read(2) == b'\\x1f\\x8b' else open(p, 'rb')\n"
      "  t = json.loads(f.read().decode('utf-8', 'replace'))\n"
      "  n += len(t['traceEvents'] if isinstance(t, dict) else t)\n"
      "print(time.perf_counter() - start, n)\n";
  const auto json = commandOf({kPython, "-c", kJson}, input);
  const auto pandas =
      commandOf({kPython, CARACAL_SOURCE_DIR "/tests/bench/hta_like_loader.py"}, input);
  return {{"python json", [=] { return runProgram(json); }},
          {"pandas", [=] { return runProgram(pandas); }}};
}

void printRow(const std::string& what, const Loaded& loaded, double bytes,
              const std::string& last) {
  fmt::print(
      "  {:<14} {:8.3f} s {:6.0f} MB/s {:6.0f} MB/s of CPU {:7.2f} M events/s  peak {:8.1f} MB  "
      "{}\n",
      what, loaded.seconds, bytes / loaded.seconds / 1e6, bytes / loaded.cpuSeconds / 1e6,
      loaded.events / loaded.seconds / 1e6, loaded.peakRssBytes / 1e6, last);
}

void measure(const Input& input) {
  const auto empty = medianOf([] { return runSelf(kNothing, 1, {}); });
  const std::string& withoutEvents = fileWithoutEvents(input.kind);
  const auto buffers = medianOf([&] { return runSelf(kLoad, 1, {withoutEvents}); });
  const int repeats = repeatsOf(input);
  const auto own = medianOf([&] { return runSelf(kLoad, repeats, input.paths); }, repeats);
  fmt::print("{} ({:.1f} MB)\n", input.name, input.bytes / 1e6);
  if (!own || !empty || !buffers) {
    fmt::print("  cannot be loaded\n");
    return;
  }
  const auto ofStore = [&](const Loaded& base) {
    return (own->peakRssBytes - base.peakRssBytes) / own->storeBytes;
  };
  printRow("caracal", *own, input.bytes,
           fmt::format("{:.1f} bytes/event, store {:.1f} MB, peak {:.2f} of it beyond an empty "
                       "process, {:.2f} beyond one file's buffers ({:.1f} MB)",
                       own->storeBytes / own->events, own->storeBytes / 1e6, ofStore(*empty),
                       ofStore(*buffers), (buffers->peakRssBytes - empty->peakRssBytes) / 1e6));
  for (const Peer& peer : peersOf(input)) {
    const auto loaded = medianOf(peer.run, repeats);
    if (loaded) {
      printRow(peer.name, *loaded, input.bytes,
               fmt::format("caracal is {:.2f} times as fast, {:.2f} by CPU, peak {:.3f} of its",
                           loaded->seconds / own->seconds, loaded->cpuSeconds / own->cpuSeconds,
                           own->peakRssBytes / loaded->peakRssBytes));
    } else {
      fmt::print("  {:<14} does not run here, or not on this file\n", peer.name);
    }
  }
  std::fflush(stdout);
}

FileKind kindOf(const std::string& path) {
  if (path.ends_with(".sqlite")) return FileKind::kSqlite;
  return path.ends_with(".gz") ? FileKind::kGzip : FileKind::kJson;
}

Input inputOf(const std::string& path) {
  const FileKind kind = kindOf(path);
  const double bytes =
      kind == FileKind::kSqlite ? static_cast<double>(fs::file_size(path)) : textBytes(path);
  return {fs::path(path).filename().string(), {path}, kind, bytes};
}

std::vector<Input> defaultInputs() {
  std::vector<Input> inputs;
  const fs::path shared = fs::path(CARACAL_SOURCE_DIR).parent_path() / "shared/traces";
  for (const char* const file :
       {"xdit-sd35-mi300-239k/profile_trace_rank_0.json.gz",
        "mtia-456k-metadata/mtia_rank_0.json.gz", "ddp-2xv100-216k/df_index_resolver.json.gz",
        "nsys-2xh100-sp/mfu_2gpu_before.sqlite"}) {
    if (fs::exists(shared / file)) inputs.push_back(inputOf((shared / file).string()));
  }
  const char* const wanted = std::getenv("CARACAL_BENCH_JSON_MB");
  constexpr int kBytesOfKernel = 870;  // of a kernel with its operator, launch and flow
  constexpr int kRanks = 64;
  const int kernels =
      static_cast<int>((wanted == nullptr ? 256 : std::atol(wanted)) * 1'000'000 / kBytesOfKernel);
  inputs.push_back(inputOf(kinetoFile(kernels)));
  inputs.push_back(inputOf(recordingFile(1'000'000)));
  Input run{.name = "generated run of 64 files", .paths = kinetoRun(kRanks, kernels / kRanks)};
  for (const std::string& path : run.paths) run.bytes += textBytes(path);
  inputs.push_back(std::move(run));
  return inputs;
}

// Of this process since it became this program; what wait4() tells includes the time before.
int64_t peakBytes() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmHWM:")) return std::strtoll(line.c_str() + 6, nullptr, 10) * 1024;
  }
  return 0;
}

// The side of the process that runSelf() starts.
int answer(std::string_view what, int repeats, const std::vector<std::string>& paths) {
  const std::string text = what == kNothing ? "0 0 0"
                           : what == kLoad  ? load(paths, repeats)
                                            : step(paths.front(), repeats);
  fmt::print("{} {}", text, peakBytes());
  return text.empty() ? 1 : 0;
}

void measureAll(const std::vector<std::string>& files) {
  std::vector<Input> inputs;
  for (const std::string& file : files) inputs.push_back(inputOf(file));
  if (inputs.empty()) inputs = defaultInputs();
  for (const Input& input : inputs) measure(input);
}

}  // namespace
}  // namespace caracal::bench

int main(int argc, char** argv) {
  using namespace caracal::bench;
  const std::vector<std::string> words(argv + 1, argv + argc);
  if (words.size() >= 2 && words[0].starts_with("--"))
    return answer(words[0], std::stoi(words[1]), {words.begin() + 2, words.end()});
  measureAll(words);
  return 0;
}
