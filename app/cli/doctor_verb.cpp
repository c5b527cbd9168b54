// caracal doctor: what this machine and this build can do, and why not where they cannot.
#include <fmt/format.h>
#include <sched.h>
#include <sqlite3.h>
#include <unistd.h>
#include <zlib.h>

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <utility>

#include "app/cli/verbs.h"
#include "app/runs/program.h"
#include "core/base/format.h"
#include "core/base/resources.h"
#include "core/device/devices.h"

namespace caracal::cli {
namespace {

using nlohmann::ordered_json;

struct Machine {
  int cores = 0;  // that this process may use
  int64_t memoryBytes = 0;
  bool display = false;
};

struct Findings {
  Machine machine;
  std::vector<std::pair<std::string, std::string>> libraries;         // name, version
  std::vector<std::pair<std::string, Result<std::string>>> programs;  // name, path
  Result<std::string> resources;
  Result<device::CudaReport> cuda;
  Result<device::RecorderReport> recorder;
};

Machine inspectMachine() {
  Machine machine;
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  if (sched_getaffinity(0, sizeof allowed, &allowed) == 0) machine.cores = CPU_COUNT(&allowed);
  machine.memoryBytes = int64_t{sysconf(_SC_PHYS_PAGES)} * sysconf(_SC_PAGESIZE);
  machine.display = std::getenv("DISPLAY") != nullptr || std::getenv("WAYLAND_DISPLAY") != nullptr;
  return machine;
}

Findings examine() {
  const auto dotted = [](int version) {
    return fmt::format("{}.{}.{}", version / 10000, version / 100 % 100, version % 100);
  };
  return {inspectMachine(),
          {{"SQLite", sqlite3_libversion()},
           {"zlib", zlibVersion()},
           {"fmt", dotted(FMT_VERSION)},
           {"nlohmann-json", fmt::format("{}.{}.{}", NLOHMANN_JSON_VERSION_MAJOR,
                                         NLOHMANN_JSON_VERSION_MINOR, NLOHMANN_JSON_VERSION_PATCH)},
           {"CLI11", CLI11_VERSION}},
          {{"caracal-run", runs::findProgram("caracal-run")},
           {"caracal-ui", runs::findProgram("caracal-ui")}},
          findResource("comm_kernels.json"),
          device::queryCuda(),
          device::queryRecorder()};
}

ordered_json cudaJson(const Findings& findings) {
  ordered_json json{{"built", findings.cuda.has_value()}};
  if (!findings.cuda) {
    json["problem"] = findings.cuda.error().text();
    return json;
  }
  const device::CudaReport& cuda = *findings.cuda;
  json.update(ordered_json{{"toolkit", cuda.builtToolkit},
                           {"driverCuda", cuda.driverCuda},
                           {"nccl", {{"built", cuda.builtNccl}, {"found", cuda.runNccl}}},
                           {"nvtx", {{"built", cuda.builtNvtx}}},
                           {"problem", cuda.problem},
                           {"devices", ordered_json::array()}});
  for (const device::Device& gpu : cuda.devices) {
    json["devices"].push_back(
        {{"name", gpu.name},
         {"memoryBytes", gpu.totalBytes},
         {"computeCapability", fmt::format("{}.{}", gpu.computeMajor, gpu.computeMinor)},
         {"multiprocessors", gpu.multiprocessors}});
  }
  return json;
}

ordered_json recorderJson(const Findings& findings) {
  if (!findings.recorder) return {{"built", false}, {"problem", findings.recorder.error().text()}};
  const device::RecorderReport& recorder = *findings.recorder;
  return {{"built", true},
          {"path", recorder.path},
          {"cupti", {{"built", recorder.builtCupti}, {"found", recorder.runCupti}}},
          {"problem", recorder.problem}};
}

ordered_json toJson(const Findings& findings) {
  ordered_json document{
      {"schema", "caracal.doctor/1"},
      {"version", CARACAL_VERSION},
      {"cores", findings.machine.cores},
      {"memoryBytes", findings.machine.memoryBytes},
      {"display", findings.machine.display},
      {"libraries", ordered_json::object()},
      {"programs", ordered_json::object()},
      {"resources", findings.resources
                        ? std::filesystem::path(*findings.resources).parent_path().string()
                        : ""}};
  for (const auto& [name, version] : findings.libraries) document["libraries"][name] = version;
  for (const auto& [name, path] : findings.programs) document["programs"][name] = path ? *path : "";
  document["cuda"] = cudaJson(findings);
  document["recorder"] = recorderJson(findings);
  return document;
}

std::string builtAndFound(const std::string& built, const std::string& found) {
  return fmt::format("{} at build, {} here", built.empty() ? "none" : built,
                     found.empty() ? "none" : found);
}

void printCuda(const Findings& findings, Console& console) {
  if (!findings.cuda) {
    console.out << "CUDA        left out: " << findings.cuda.error().text() << '\n';
    return;
  }
  const device::CudaReport& cuda = *findings.cuda;
  console.out << fmt::format("CUDA        {} at build, the driver supports {}\n", cuda.builtToolkit,
                             cuda.driverCuda.empty() ? "none" : cuda.driverCuda)
              << "NCCL        " << builtAndFound(cuda.builtNccl, cuda.runNccl) << '\n'
              << fmt::format("NVTX        {} at build\n",
                             cuda.builtNvtx.empty() ? "none" : cuda.builtNvtx);
  for (const device::Device& gpu : cuda.devices) {
    console.out << fmt::format("GPU         {}, {}, compute {}.{}, {} SMs\n", gpu.name,
                               formatBytes(gpu.totalBytes), gpu.computeMajor, gpu.computeMinor,
                               gpu.multiprocessors);
  }
  if (cuda.devices.empty())
    console.out << "GPU         none: " << cuda.problem << "; the CPU backend is used\n";
}

void printRecorder(const Findings& findings, Console& console) {
  if (!findings.recorder) {
    console.out << "recorder    left out: " << findings.recorder.error().text() << '\n';
    return;
  }
  console.out << "CUPTI       "
              << builtAndFound(findings.recorder->builtCupti, findings.recorder->runCupti) << '\n'
              << "recorder    " << findings.recorder->path << '\n';
  if (!findings.recorder->problem.empty())
    console.out << "            cannot record: " << findings.recorder->problem << '\n';
}

void print(const Findings& findings, Console& console) {
  const Machine& machine = findings.machine;
  console.out << "caracal " CARACAL_VERSION "\n"
              << fmt::format("machine     {} cores, {} of memory, {}\n", machine.cores,
                             formatBytes(machine.memoryBytes),
                             machine.display ? "a display" : "no display");
  for (const auto& [name, path] : findings.programs) {
    console.out << fmt::format("{:<11} {}\n", name, path ? *path : path.error().message);
  }
  console.out << "resources   "
              << (findings.resources
                      ? std::filesystem::path(*findings.resources).parent_path().string()
                      : findings.resources.error().text())
              << '\n';
  std::string libraries;
  for (const auto& [name, version] : findings.libraries) {
    libraries += fmt::format("{}{} {}", libraries.empty() ? "" : ", ", name, version);
  }
  console.out << "libraries   " << libraries << '\n';
  printCuda(findings, console);
  printRecorder(findings, console);
}

}  // namespace

VerbRun declareDoctor(CLI::App& command) {
  auto json = std::make_shared<bool>(false);
  command.add_flag("--json", *json, "print one JSON document");
  return [json](Console& console) -> Result<ExitCode> {
    const Findings findings = examine();
    if (*json) {
      printJson(console, toJson(findings));
    } else {
      print(findings, console);
    }
    return ExitCode::kOk;
  };
}

}  // namespace caracal::cli
