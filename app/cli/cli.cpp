#include "app/cli/cli.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <exception>
#include <sstream>

#include "app/cli/verb.h"

namespace caracal::cli {
namespace {

constexpr const char* kDescription =
    "Caracal: profile, plan and measure the training of large models on many GPUs.\n"
    "The loop: info, analyze (understand a run), profile, plan, simulate (predict), measure,\n"
    "compare, export (train with the plan).";
constexpr const char* kExitCodes =
    "Exit codes: 0 ok, 1 failed, 2 usage, 3 a gate failed, 4 cannot answer.";

ExitCode report(const Error& error, Console& console) {
  if (error.code != ErrorCode::kCancelled) warn(console, error.text());
  return exitCodeOf(error.code);
}

// CLI11 answers --help and --version through the same exceptions as mistakes.
ExitCode reportParse(const CLI::App& app, const CLI::ParseError& error, Console& console) {
  std::ostringstream out, err;
  const int code = app.exit(error, out, err);
  console.out << out.str();
  if (code == 0) return ExitCode::kOk;
  console.err << "caracal: " << err.str();
  return ExitCode::kUsage;
}

bool isVerb(const std::string& word) {
  return std::any_of(verbs().begin(), verbs().end(),
                     [&](const Verb& verb) { return word == verb.name; });
}

}  // namespace

ExitCode exitCodeOf(ErrorCode code) {
  switch (code) {
    case ErrorCode::kUnsupported:
    case ErrorCode::kInfeasible:
    case ErrorCode::kCannotAnswer:
      return ExitCode::kCannotAnswer;
    default:
      return ExitCode::kFailed;
  }
}

ExitCode run(const std::vector<std::string>& arguments, Console& console) {
  if (!arguments.empty() && arguments[0].rfind('-', 0) != 0 && !isVerb(arguments[0])) {
    return usageError(
        console, fmt::format("there is no verb `{}`; `caracal --help` lists them", arguments[0]));
  }
  CLI::App app{kDescription, "caracal"};
  app.footer(kExitCodes);
  app.set_version_flag("--version", "caracal " CARACAL_VERSION);
  app.require_subcommand(1);
  VerbRun chosen;
  for (const Verb& verb : verbs()) {
    CLI::App* command = app.add_subcommand(verb.name, verb.summary);
    command->footer(kExitCodes);
    command->callback([&chosen, work = verb.declare(*command)] { chosen = work; });
  }
  try {
    std::vector<std::string> reversed(arguments.rbegin(), arguments.rend());  // as CLI11 wants them
    app.parse(reversed);
  } catch (const CLI::ParseError& error) {
    return reportParse(app, error, console);
  }
  try {
    const Result<ExitCode> code = chosen(console);
    return code ? *code : report(code.error(), console);
  } catch (const std::bad_alloc&) {
    return report({ErrorCode::kOutOfMemory, "not enough memory for this input", {}}, console);
  } catch (const std::exception& error) {
    return report(
        {ErrorCode::kInvalidInput, fmt::format("unexpected failure: {}", error.what()), {}},
        console);
  }
}

}  // namespace caracal::cli
