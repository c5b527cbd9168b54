// caracal render PATH... -o x.png|svg: the timeline as a picture, drawn by caracal-ui without a
// display.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>

#include "app/cli/verbs.h"
#include "app/runs/program.h"

namespace caracal::cli {
namespace {

struct Options {
  std::vector<std::string> paths;
  std::string output;
  std::string size;
  std::string theme;
};

bool hasEnding(const std::string& text, const std::string& ending) {
  return text.size() > ending.size() &&
         text.compare(text.size() - ending.size(), ending.size(), ending) == 0;
}

std::string sizeComplaint(const std::string& text) {
  int width = 0, height = 0, used = 0;
  const int found = std::sscanf(text.c_str(), "%5dx%5d%n", &width, &height, &used);
  const bool whole = found == 2 && used == static_cast<int>(text.size());
  return whole && width > 0 && height > 0 ? "" : "a size is width and height, as 1920x1080";
}

Result<ExitCode> runRender(const Options& options, Console& console) {
  if (!hasEnding(options.output, ".png") && !hasEnding(options.output, ".svg")) {
    return usageError(console, "render writes .png or .svg, not " + options.output);
  }
  CARACAL_TRY(program, runs::findProgram("caracal-ui"));
  runs::ProgramCall call{program, {"--render", options.output}, {"QT_QPA_PLATFORM=offscreen"}};
  if (!options.size.empty()) call.arguments.insert(call.arguments.end(), {"--size", options.size});
  if (!options.theme.empty())
    call.arguments.insert(call.arguments.end(), {"--theme", options.theme});
  call.arguments.insert(call.arguments.end(), options.paths.begin(), options.paths.end());
  CARACAL_TRY(code,
              runs::runProgram(
                  call, [&](std::string_view line) { console.out << line << '\n'; }, console.stop));
  return code == 0 ? ExitCode::kOk : ExitCode::kFailed;
}

}  // namespace

VerbRun declareRender(CLI::App& command) {
  auto options = std::make_shared<Options>();
  command.add_option("path", options->paths, "traces, recordings or a project")->required();
  command.add_option("-o,--output", options->output, "the picture: .png or .svg")->required();
  command.add_option("--size", options->size, "width and height in pixels, as 1920x1080")
      ->check(sizeComplaint);
  command.add_option("--theme", options->theme, "dark or light")
      ->check(CLI::IsMember({"dark", "light"}));
  return [options](Console& console) { return runRender(*options, console); };
}

}  // namespace caracal::cli
