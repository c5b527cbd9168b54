#include "core/plan/plan_json.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "core/base/files.h"
#include "core/base/hash.h"
#include "core/base/json_reader.h"
#include "core/base/json_writer.h"
#include "core/profile/shape_json.h"

namespace caracal::plan {
namespace {

using Json = nlohmann::ordered_json;
using Ids = std::vector<std::string>;

// ---- out ----

// Collects equal values; index() is the value's place in the list.
template <class Value>
struct Distinct {
  std::vector<Value> values;
  size_t index(const Value& value) {
    const auto found = std::find(values.begin(), values.end(), value);
    if (found != values.end()) return static_cast<size_t>(found - values.begin());
    values.push_back(value);
    return values.size() - 1;
  }
};

Ids idsOf(const profile::LayerKind& kind) {
  Ids ids;
  for (const profile::Operator& op : kind.operators) ids.push_back(op.id);
  return ids;
}

struct PolicyEntry {
  size_t operators = 0;  // index into the document's operator lists
  LayerPolicy policy;
  bool operator==(const PolicyEntry&) const = default;
};

Json policyJson(const PolicyEntry& entry, const std::vector<Ids>& operatorLists) {
  const Ids& ids = operatorLists[entry.operators];
  Json placements = Json::object();
  for (size_t i = 0; i < ids.size() && i < entry.policy.placements.size(); ++i) {
    placements[ids[i]] = toText(entry.policy.placements[i]);
  }
  return {{"operators", entry.operators},
          {"keepsInput", entry.policy.keepsInput},
          {"placements", placements}};
}

Json headOf(const Plan& plan) {
  return {{"schema", kPlanSchema},
          {"name", plan.name},
          {"policy", plan.policy},
          {"profileHash", plan.profileHash},
          {"schedule", plan.schedule},
          {"model", profile::shapeJson(plan.model)},
          {"parallel", profile::shapeJson(plan.parallel)}};
}

// ---- in ----

// A policy of the document with its operators in the order of the document's list.
struct ReadPolicy {
  Ids ids;
  LayerPolicy policy;
};

void readPlacements(JsonNode node, ReadPolicy& entry) {
  for (const std::string& key : node.keys()) {
    if (std::find(entry.ids.begin(), entry.ids.end(), key) == entry.ids.end()) {
      node.fail(key, "is no operator of this policy's list; see \"operators\"");
    }
  }
  for (const std::string& id : entry.ids) {
    const std::string text = node.text(id);
    const auto placement = placementFromText(text);
    if (!placement && node.ok()) {
      node.fail(id, fmt::format(
                        "must be retained, onDemand, offload, discarded or window:<id>, not \"{}\"",
                        text));
    }
    entry.policy.placements.push_back(placement.value_or(Placement{}));
  }
}

std::vector<ReadPolicy> readPolicies(JsonNode& root) {
  const std::vector<Ids> lists = root.textLists("operators");
  std::vector<ReadPolicy> policies;
  for (JsonNode& node : root.objects("policies")) {
    ReadPolicy entry;
    const int64_t list = node.integer("operators", 0);
    if (list < static_cast<int64_t>(lists.size())) {
      entry.ids = lists[static_cast<size_t>(list)];
    } else {
      node.fail("operators",
                fmt::format("names operator list {}, but there are {}", list, lists.size()));
    }
    entry.policy.keepsInput = node.boolean("keepsInput");
    readPlacements(node.object("placements"), entry);
    node.finish();
    policies.push_back(std::move(entry));
  }
  return policies;
}

void readStages(JsonNode& root, const std::vector<ReadPolicy>& policies, PlanDocument& document) {
  for (JsonNode& node : root.objects("stages")) {
    StagePlan stage;
    stage.firstLayer = node.integer32("firstLayer", 0);
    stage.budgetBytes = node.integer("budgetBytes", 0);
    for (const int64_t index : node.integers("layers", 0)) {
      if (index >= static_cast<int64_t>(policies.size())) {
        node.fail("layers",
                  fmt::format("names policy {}, but there are {}", index, policies.size()));
        return;
      }
      const ReadPolicy& entry = policies[static_cast<size_t>(index)];
      stage.layers.push_back(entry.policy);
      document.operatorIds.push_back(entry.ids);
    }
    node.finish();
    document.plan.stages.push_back(std::move(stage));
  }
}

PlanDocument readDocument(JsonNode& root) {
  PlanDocument document;
  Plan& plan = document.plan;
  root.schema(kPlanSchema);
  if (!root.ok()) return document;  // of another version: its fields are not ours to judge
  plan.name = root.text("name");
  plan.policy = root.text("policy");
  plan.profileHash = root.text("profileHash");
  plan.schedule = root.text("schedule");
  plan.model = profile::readModelShape(root.object("model"));
  plan.parallel = profile::readParallelShape(root.object("parallel"));
  const std::vector<ReadPolicy> policies = readPolicies(root);
  if (root.ok()) readStages(root, policies, document);
  root.finish();
  return document;
}

// Puts a layer's placements into the order of the profile's operators.
Result<LayerPolicy> aligned(const LayerPolicy& policy, const Ids& from, const Ids& to,
                            int32_t layer) {
  if (from == to) return policy;
  std::map<std::string, Placement> placements;
  for (size_t i = 0; i < from.size(); ++i) placements[from[i]] = policy.placements[i];
  LayerPolicy result;
  result.keepsInput = policy.keepsInput;
  for (const std::string& id : to) {
    const auto found = placements.find(id);
    if (found == placements.end()) {
      return fail(ErrorCode::kInvalidInput,
                  "layer {} of the plan has no operator \"{}\", the profile's has; the plan was "
                  "made for another profile",
                  layer, id);
    }
    result.placements.push_back(found->second);
    placements.erase(found);
  }
  if (!placements.empty()) {
    return fail(ErrorCode::kInvalidInput,
                "layer {} of the plan has an operator \"{}\", the profile's has none; the plan was "
                "made for another profile",
                layer, placements.begin()->first);
  }
  return result;
}

Result<void> checkLayerNumbers(const Plan& plan) {
  int64_t layers = 0;
  for (const StagePlan& stage : plan.stages) layers += stage.layerCount();
  if (layers != plan.model.layers) {
    return tl::unexpected(Error{
        ErrorCode::kInvalidInput,
        fmt::format("hold {} layers, but the model has {}", layers, plan.model.layers), "stages"});
  }
  return {};
}

}  // namespace

std::string toJson(const Plan& plan, const profile::Profile& profile) {
  Distinct<Ids> operatorLists;
  Distinct<PolicyEntry> policies;
  Json stages = Json::array();
  for (const StagePlan& stage : plan.stages) {
    Json layers = Json::array();
    for (int32_t i = 0; i < stage.layerCount(); ++i) {
      const auto layer =
          std::min<size_t>(static_cast<size_t>(stage.firstLayer + i), profile.layers.size() - 1);
      const size_t list = operatorLists.index(idsOf(profile.kindOf(static_cast<int32_t>(layer))));
      layers.push_back(policies.index({list, stage.layers[static_cast<size_t>(i)]}));
    }
    stages.push_back(
        {{"firstLayer", stage.firstLayer}, {"budgetBytes", stage.budgetBytes}, {"layers", layers}});
  }
  Json document = headOf(plan);
  document["operators"] = operatorLists.values;
  document["policies"] = Json::array();
  for (const PolicyEntry& entry : policies.values) {
    document["policies"].push_back(policyJson(entry, operatorLists.values));
  }
  document["stages"] = stages;
  return prettyJson(document);
}

Result<PlanDocument> planDocumentFromJson(std::string_view text) {
  CARACAL_TRY(json, JsonDocument::parse(text));
  JsonNode root = json.root();
  PlanDocument document = readDocument(root);
  if (json.error()) return tl::unexpected(*json.error());
  CARACAL_CHECK_OK(checkLayerNumbers(document.plan));
  return document;
}

Result<Plan> planFromJson(std::string_view text, const profile::Profile& profile) {
  CARACAL_TRY(document, planDocumentFromJson(text));
  Plan& plan = document.plan;
  if (plan.model.layers != profile.model.layers) {
    return fail(
        ErrorCode::kInvalidInput,
        "the plan is for a model of {} layers, the profile has {}; it was made for another profile",
        plan.model.layers, profile.model.layers);
  }
  int32_t layer = 0;
  for (StagePlan& stage : plan.stages) {
    for (LayerPolicy& policy : stage.layers) {
      const Ids& from = document.operatorIds[static_cast<size_t>(layer)];
      CARACAL_TRY(inOrder, aligned(policy, from, idsOf(profile.kindOf(layer)), layer));
      policy = std::move(inOrder);
      ++layer;
    }
  }
  return std::move(plan);
}

Result<Plan> loadPlan(const std::string& path, const profile::Profile& profile) {
  CARACAL_TRY(text, readTextFile(path));
  auto plan = planFromJson(text, profile);
  if (!plan) return tl::unexpected(at(plan.error(), path));
  return plan;
}

Result<void> savePlan(const Plan& plan, const profile::Profile& profile, const std::string& path) {
  return writeTextFile(path, toJson(plan, profile));
}

// Over what is executed: the document without its name and with every layer's placements written
// out in operator order, so that neither renaming nor the way policies are shared changes it.
std::string hashOf(const Plan& plan) {
  Json document = headOf(plan);
  document.erase("name");
  document["stages"] = Json::array();
  for (const StagePlan& stage : plan.stages) {
    Json layers = Json::array();
    for (const LayerPolicy& policy : stage.layers) {
      Json placements = Json::array();
      for (const Placement placement : policy.placements) placements.push_back(toText(placement));
      layers.push_back({{"keepsInput", policy.keepsInput}, {"placements", placements}});
    }
    document["stages"].push_back(
        {{"firstLayer", stage.firstLayer}, {"budgetBytes", stage.budgetBytes}, {"layers", layers}});
  }
  return hash64(canonicalJson(document));
}

}  // namespace caracal::plan
