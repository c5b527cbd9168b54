#include "app/ui/workspace/open_kind.h"

#include <filesystem>
#include <fstream>
#include <string_view>

#include "core/plan/plan_json.h"
#include "core/profile/profile_json.h"

namespace caracal::ui {
namespace {

// Schema and keys come early in our documents; a trace is not read further either.
constexpr size_t kHeadBytes = 4096;

std::string headOf(const std::string& path) {
  std::string head(kHeadBytes, '\0');
  std::ifstream in(path, std::ios::binary);
  in.read(head.data(), static_cast<std::streamsize>(head.size()));
  head.resize(static_cast<size_t>(in.gcount()));
  return head;
}

bool contains(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

OpenKind openKindOf(const std::string& path) {
  const std::filesystem::path file(path);
  if (file.extension() == ".caracal") return OpenKind::kProject;
  if (file.extension() != ".json") return OpenKind::kTrace;
  const std::string head = headOf(path);
  if (contains(head, profile::kProfileSchema)) return OpenKind::kProfile;
  if (contains(head, plan::kPlanSchema)) return OpenKind::kPlan;
  const bool model = contains(head, "\"hidden\"") && contains(head, "\"layers\"") &&
                     contains(head, "\"vocabulary\"");
  return model ? OpenKind::kModel : OpenKind::kTrace;
}

}  // namespace caracal::ui
