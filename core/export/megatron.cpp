#include "core/export/megatron.h"

#include <cctype>
#include <nlohmann/json.hpp>

#include "core/base/format.h"
#include "core/base/json_writer.h"
#include "core/export/loss_document.h"
#include "core/export/megatron_arguments.h"
#include "core/plan/plan_json.h"

namespace caracal::exporter {
namespace {

using Json = nlohmann::ordered_json;
using plan::Plan;

constexpr std::string_view kTarget = "megatron-lm";
constexpr std::string_view kArgumentsSchema = "caracal.export/1";

// A file name from the plan's name: letters, digits and dots, anything else one dash.
std::string fileStem(const std::string& name) {
  std::string stem;
  for (const char c : name) {
    const bool plain = std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '.' || c == '_';
    if (plain) {
      stem += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    } else if (!stem.empty() && stem.back() != '-') {
      stem += '-';
    }
  }
  while (stem.ends_with('-') || stem.ends_with('.')) stem.pop_back();
  while (stem.starts_with('.')) stem.erase(0, 1);
  return stem.empty() ? "plan" : stem;
}

// Quoted for bash wherever a character could mean something to it.
std::string quoted(const std::string& word) {
  for (const char c : word) {
    const bool plain = std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' || c == '_' ||
                       c == '.' || c == '/';
    if (!plain) return "'" + word + "'";  // no argument of ours holds a single quote
  }
  return word;
}

// Environment that Megatron-LM asserts or that a later trace is recognised by.
std::vector<std::pair<std::string, std::string>> environment(const Plan& plan) {
  std::vector<std::pair<std::string, std::string>> variables{
      {"CARACAL_PLAN_HASH", plan::hashOf(plan)}};
  if (plan.parallel.tensor > 1) variables.emplace_back("CUDA_DEVICE_MAX_CONNECTIONS", "1");
  return variables;
}

std::string oneLine(std::string text) {
  for (char& c : text) {
    if (std::iscntrl(static_cast<unsigned char>(c)) != 0) c = ' ';
  }
  return text;
}

std::string bashFile(const Plan& plan, const ExportResult& result,
                     const std::vector<std::string>& arguments) {
  std::string text = fmt::format(
      "# Megatron-LM flags of the Caracal plan \"{}\" (hash {}).\n"
      "# Written against github.com/NVIDIA/Megatron-LM commit {}.\n"
      "# Predicted step: {} as planned, {} as these flags run it; see the .loss.json file beside "
      "this one.\n"
      "# The job's own flags must say --num-layers {} and be started with {} ranks.\n"
      "# Use: source this file, then append \"${{CARACAL_ARGS[@]}}\" to the pretrain_gpt.py "
      "command.\n",
      oneLine(plan.name), plan::hashOf(plan), kMegatronCommit,
      formatDuration(result.planned.stepNs), formatDuration(result.predicted.stepNs),
      plan.model.layers, plan.parallel.ranks());
  for (const auto& [name, value] : environment(plan))
    text += fmt::format("export {}={}\n", name, value);
  text += "CARACAL_ARGS=(\n";
  for (size_t i = 0; i < arguments.size(); ++i) {
    const bool flag = arguments[i].starts_with("--");
    text += flag ? (i == 0 ? "  " : "\n  ") : " ";
    text += quoted(arguments[i]);
  }
  return text + "\n)\n";
}

std::string argumentsFile(const Plan& plan, const std::vector<std::string>& arguments) {
  Json variables = Json::object();
  for (const auto& [name, value] : environment(plan)) variables[name] = value;
  return prettyJson({{"schema", kArgumentsSchema},
                     {"target", kTarget},
                     {"targetVersion", kMegatronCommit},
                     {"planHash", plan::hashOf(plan)},
                     {"ranks", plan.parallel.ranks()},
                     {"environment", variables},
                     {"argv", arguments}});
}

}  // namespace

Result<ExportResult> exportToMegatron(const profile::Profile& profile, const Plan& plan) {
  ExportResult result;
  result.target = kTarget;
  result.targetVersion = kMegatronCommit;
  CARACAL_TRY(planned, sim::simulate(profile, plan));
  CARACAL_TRY(projection, projectForMegatron(profile, plan, planned));
  result.losses = megatronLosses(profile, plan, planned, projection);
  result.planned = std::move(planned);
  result.predicted = projection.chosen.predicted;
  result.projected = projection.chosen.plan;

  const std::vector<std::string> arguments = megatronArguments(plan, projection.chosen.recompute);
  CARACAL_CHECK_OK(checkMegatronArguments(arguments, {plan.model.layers, plan.parallel.ranks()}));

  std::vector<Alternative> alternatives;
  for (const MegatronCandidate& other : projection.others) {
    alternatives.push_back({toText(other.recompute), other.predicted.stepNs, other.fits});
  }
  const std::string stem = fileStem(plan.name);
  result.files = {{stem + ".megatron.sh", bashFile(plan, result, arguments)},
                  {stem + ".megatron.json", argumentsFile(plan, arguments)},
                  {stem + ".loss.json", lossDocument(result, plan, alternatives)},
                  {stem + ".plan.json", plan::toJson(plan, profile)}};
  return result;
}

}  // namespace caracal::exporter
