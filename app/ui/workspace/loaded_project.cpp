#include "app/ui/workspace/loaded_project.h"

#include <fmt/format.h>

#include "core/plan/plan_json.h"
#include "core/profile/profile_json.h"
#include "core/project/project.h"

namespace caracal::ui {
namespace {

using project::Item;
using project::ItemKind;

void note(LoadedProject& loaded, const Item& item, const Error& error) {
  loaded.problems.push_back(at(error, fmt::format("{} ({})", loaded.path, item.name)));
}

void readProfile(LoadedProject& loaded, const Item& item) {
  auto profile = profile::profileFromJson(item.content);
  if (!profile) return note(loaded, item, profile.error());
  loaded.profile = std::make_shared<const profile::Profile>(std::move(*profile));
  loaded.profileId = item.id;
}

void readPlan(LoadedProject& loaded, const Item& item) {
  if (!loaded.profile || item.parent != loaded.profileId) return;
  auto plan = plan::planFromJson(item.content, *loaded.profile);
  if (!plan) return note(loaded, item, plan.error());
  loaded.plans.push_back({item.id, item.name, std::move(*plan)});
}

}  // namespace

Result<LoadedProject> loadProject(const std::string& path, std::stop_token stop,
                                  const Progress& progress) {
  CARACAL_TRY(project, project::Project::open(path));
  CARACAL_TRY(items, project.items());
  LoadedProject loaded;
  loaded.path = project.path();
  loaded.writable = project.writable();
  for (const char* const key : {kMeasureState, kRecordState}) {
    CARACAL_TRY(value, project.state(key));
    if (value) loaded.state[key] = *value;
  }
  for (const Item& item : items) {
    if (item.kind == ItemKind::kProfile) readProfile(loaded, item);
  }
  for (size_t i = 0; i < items.size(); ++i) {
    const Item& item = items[i];
    if (stop.stop_requested()) return fail(ErrorCode::kCancelled, "opening was stopped");
    report(progress, static_cast<double>(i) / static_cast<double>(items.size()), item.name);
    if (item.kind == ItemKind::kPlan) readPlan(loaded, item);
    if (item.kind == ItemKind::kNote) loaded.notes.push_back(item.content);
    if (item.kind != ItemKind::kRun && item.kind != ItemKind::kMeasurement) continue;
    auto run = loadRun({project.resolve(item)}, stop, {});
    if (!run) {
      note(loaded, item, run.error());
      continue;
    }
    run->name = item.name;
    loaded.runs.push_back(std::make_shared<const LoadedRun>(std::move(*run)));
  }
  return loaded;
}

}  // namespace caracal::ui
