#include "app/runs/abilities.h"

#include <nlohmann/json.hpp>

#include "app/runs/program.h"

namespace caracal::runs {

using nlohmann::json;

std::optional<RunAbilities> parseAbilities(std::string_view line) {
  const json object = json::parse(line, nullptr, false);
  if (!object.is_object() || object.value("event", json()) != "abilities") return std::nullopt;
  const auto at = [&](const char* pointer) {
    const json::json_pointer place(pointer);
    return object.contains(place) ? object.at(place) : json();
  };
  const auto problem = [&](const char* pointer) {
    const json words = at(pointer);
    return words.is_string() ? words.get<std::string>() : std::string("caracal-run does not say");
  };
  RunAbilities abilities{problem("/cuda/problem"), {}, problem("/processes/problem")};
  for (const json& gpu : at("/cuda/devices")) {
    if (gpu.is_string()) abilities.gpus.push_back(gpu.get<std::string>());
  }
  return abilities;
}

Result<RunAbilities> askAbilities(std::stop_token stop) {
  CARACAL_TRY(program, findProgram("caracal-run"));
  std::optional<RunAbilities> said;
  const auto read = [&](std::string_view line) {
    if (auto abilities = parseAbilities(line)) said = std::move(abilities);
  };
  CARACAL_TRY(code, runProgram({program, {"--abilities"}, {}, {}}, read, std::move(stop)));
  if (code != 0 || !said) {
    return fail(ErrorCode::kCannotAnswer, "{} does not say what it can do; build both again",
                program);
  }
  if (const auto launcher = findProgram("mpirun"); !launcher && said->whyNoProcesses.empty())
    said->whyNoProcesses = "mpirun is not on the PATH; install Open MPI";
  return *said;
}

}  // namespace caracal::runs
