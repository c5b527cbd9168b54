#include "core/export/exporter.h"

#include <filesystem>

#include "core/base/files.h"
#include "core/export/megatron.h"

namespace caracal::exporter {
namespace {

struct Target {
  std::string_view name;
  Result<ExportResult> (*run)(const profile::Profile& profile, const plan::Plan& plan);
};

// A new target is a line here.
constexpr Target kTargets[] = {{"megatron-lm", exportToMegatron}};

}  // namespace

std::string_view name(Fidelity fidelity) {
  switch (fidelity) {
    case Fidelity::kExact:
      return "exact";
    case Fidelity::kProjected:
      return "projected";
    case Fidelity::kDropped:
      return "dropped";
  }
  return {};
}

std::vector<std::string> targets() {
  std::vector<std::string> names;
  for (const Target& target : kTargets) names.emplace_back(target.name);
  return names;
}

Result<ExportResult> exportPlan(const std::string& target, const profile::Profile& profile,
                                const plan::Plan& plan) {
  for (const Target& known : kTargets) {
    if (known.name != target) continue;
    CARACAL_CHECK_OK(plan::validate(profile, plan));
    if (plan.schedule != "1F1B") {
      return fail(ErrorCode::kUnsupported,
                  "plans for the schedule {} cannot be exported, only those for 1F1B",
                  plan.schedule);
    }
    return known.run(profile, plan);
  }
  return fail(ErrorCode::kNotFound, "there is no export target \"{}\"; known: {}", target,
              fmt::join(targets(), ", "));
}

Result<void> writeFiles(const ExportResult& result, const std::string& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) {
    return tl::unexpected(
        Error{ErrorCode::kIo, fmt::format("cannot make this folder: {}", error.message()), folder});
  }
  for (const ExportFile& file : result.files) {
    CARACAL_CHECK_OK(
        writeTextFile((std::filesystem::path(folder) / file.name).string(), file.content));
  }
  return {};
}

}  // namespace caracal::exporter
