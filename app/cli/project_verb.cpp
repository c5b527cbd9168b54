// caracal project: what one tuning effort holds, in one `.caracal` file that caracal-ui opens.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <sstream>

#include "app/cli/verbs.h"
#include "core/base/format.h"
#include "core/import/input_files.h"
#include "core/plan/plan_json.h"
#include "core/profile/profile_json.h"
#include "core/project/project.h"

namespace caracal::cli {
namespace {

namespace fs = std::filesystem;
using nlohmann::ordered_json;
using project::Item;
using project::ItemKind;
using project::Project;

struct Options {
  std::string file;
  std::string addKind;
  std::string content;
  std::string name;
  int64_t parent = 0;
  bool json = false;
};

constexpr std::pair<const char*, ItemKind> kKinds[] = {{"run", ItemKind::kRun},
                                                       {"profile", ItemKind::kProfile},
                                                       {"plan", ItemKind::kPlan},
                                                       {"measurement", ItemKind::kMeasurement},
                                                       {"note", ItemKind::kNote}};

const char* kindText(ItemKind kind) {
  for (const auto& [text, known] : kKinds) {
    if (known == kind) return text;
  }
  return "";
}

// A project holds only what its panels can open.
Result<void> checkDocument(ItemKind kind, const std::string& text) {
  if (kind == ItemKind::kProfile) {
    CARACAL_TRY(profile, profile::profileFromJson(text));
    return profile::validate(profile);
  }
  const auto plan = plan::planDocumentFromJson(text);
  if (!plan) return tl::unexpected(plan.error());
  return {};
}

// Documents are stored whole, traces by path, notes as typed.
Result<std::string> contentOf(ItemKind kind, const std::string& argument) {
  if (kind == ItemKind::kNote) return argument;
  if (!fs::exists(argument)) return fail(ErrorCode::kNotFound, "there is no file {}", argument);
  if (kind == ItemKind::kRun || kind == ItemKind::kMeasurement) {
    const import::InputFiles input = import::findInputFiles({argument});
    if (input.files.empty()) return tl::unexpected(input.unreadable.front());
    return fs::absolute(argument).string();
  }
  std::ifstream in(argument, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  if (!in) return fail(ErrorCode::kIo, "{} cannot be read", argument);
  if (auto checked = checkDocument(kind, text.str()); !checked)
    return tl::unexpected(at(checked.error(), argument));
  return text.str();
}

Result<ExitCode> add(const Options& options, Console& console) {
  ItemKind kind = ItemKind::kNote;
  for (const auto& [text, known] : kKinds) {
    if (options.addKind == text) kind = known;
  }
  CARACAL_TRY(content, contentOf(kind, options.content));
  CARACAL_TRY(project, Project::open(options.file));
  const std::string name =
      options.name.empty() ? fs::path(options.content).stem().string() : options.name;
  CARACAL_TRY(item, project.add(kind, name, content, options.parent));
  console.out << item.id << '\n';
  return ExitCode::kOk;
}

Result<ExitCode> create(const Options& options, Console& console) {
  if (fs::exists(options.file)) {
    return fail(ErrorCode::kInvalidInput, "{} exists already; remove it or choose another name",
                options.file);
  }
  CARACAL_TRY(project, Project::open(options.file));
  console.out << "created " << project.path() << '\n';
  return ExitCode::kOk;
}

Result<ExitCode> list(const Options& options, Console& console) {
  CARACAL_TRY(project, Project::open(options.file, project::OpenMode::kReadOnly));
  CARACAL_TRY(items, project.items());
  if (options.json) {
    ordered_json document{{"schema", "caracal.project/1"}, {"items", ordered_json::array()}};
    for (const Item& item : items) {
      const bool isTrace = item.kind == ItemKind::kRun || item.kind == ItemKind::kMeasurement;
      document["items"].push_back({{"id", item.id},
                                   {"kind", kindText(item.kind)},
                                   {"name", item.name},
                                   {"parent", item.parent},
                                   {"createdNs", item.createdNs},
                                   {"path", isTrace ? project.resolve(item) : ""}});
    }
    printJson(console, document);
    return ExitCode::kOk;
  }
  TextTable table{{"id", "kind", "name", "made from", "content"}, {}};
  for (const Item& item : items) {
    const bool isDocument = item.kind == ItemKind::kProfile || item.kind == ItemKind::kPlan;
    table.rows.push_back(
        {std::to_string(item.id), kindText(item.kind), item.name,
         item.parent ? std::to_string(item.parent) : "",
         isDocument ? formatBytes(static_cast<int64_t>(item.content.size())) : item.content});
  }
  console.out << table.render();
  return ExitCode::kOk;
}

}  // namespace

VerbRun declareProject(CLI::App& command) {
  auto options = std::make_shared<Options>();
  auto chosen = std::make_shared<Result<ExitCode> (*)(const Options&, Console&)>(nullptr);
  command.require_subcommand(1);
  const auto declare = [&](const char* name, const char* summary,
                           Result<ExitCode> (*work)(const Options&, Console&)) {
    CLI::App* action = command.add_subcommand(name, summary);
    action->add_option("project", options->file, "project file, *.caracal")->required();
    action->callback([chosen, work] { *chosen = work; });
    return action;
  };
  declare("create", "make an empty project", create);
  CLI::App* adding =
      declare("add", "add a run, profile, plan, measurement or note; prints its id", add);
  adding->add_option("kind", options->addKind, "what it is")
      ->required()
      ->check(CLI::IsMember({"run", "profile", "plan", "measurement", "note"}));
  adding->add_option("content", options->content, "file, or the text of a note")->required();
  adding->add_option("--name", options->name, "name to show (default: the file's)");
  adding->add_option("--parent", options->parent, "id of what it was made from");
  declare("list", "what the project holds", list)
      ->add_flag("--json", options->json, "print one JSON document");
  return [options, chosen](Console& console) { return (*chosen)(*options, console); };
}

}  // namespace caracal::cli
