#include "core/profile/profile_document.h"

#include <nlohmann/json.hpp>

#include "core/profile/profile_json.h"
#include "core/profile/shape_json.h"

namespace caracal::profile {
namespace {

using Json = nlohmann::ordered_json;

// ---- out ----

template <class Item, class Write>
Json list(const std::vector<Item>& items, Write write) {
  Json result = Json::array();
  for (const Item& item : items) result.push_back(write(item));
  return result;
}

Json operatorJson(const Operator& op) {
  Json json{{"id", op.id},
            {"kind", name(op.kind)},
            {"forwardNs", op.forwardNs},
            {"backwardNs", op.backwardNs},
            {"outputBytes", op.outputBytes},
            {"savedBytes", op.savedBytes},
            {"savedFor", op.savedFor},
            {"inputs", op.inputs}};
  if (op.weightNs) json["weightNs"] = *op.weightNs;
  return json;
}

Json windowJson(const Window& window) {
  return {{"id", window.id},
          {"after", window.after},
          {"transferNs", window.transferNs},
          {"overlappedNs", window.overlappedNs},
          {"bytes", window.bytes}};
}

Json kindJson(const LayerKind& kind) {
  return {{"id", kind.id},
          {"inputBytes", kind.inputBytes},
          {"staticBytes", kind.staticBytes},
          {"optimizerNs", kind.optimizerNs},
          {"gradientReduceNs", kind.gradientReduceNs},
          {"operators", list(kind.operators, operatorJson)},
          {"windows", list(kind.windows, windowJson)}};
}

Json endJson(const ModelEnd& end) {
  return {{"staticBytes", end.staticBytes},
          {"optimizerNs", end.optimizerNs},
          {"gradientReduceNs", end.gradientReduceNs},
          {"operators", list(end.operators, operatorJson)}};
}

Json linkJson(const Link& link) {
  Json json{{"latencyNs", link.latencyNs}, {"bytesPerSecond", link.bytesPerSecond}};
  if (link.shared) json["shared"] = true;
  return json;
}

Json linksJson(const Profile& profile) {
  Json json{{"tensor", linkJson(profile.tensorLink)},
            {"pipeline", linkJson(profile.pipelineLink)},
            {"data", linkJson(profile.dataLink)}};
  if (profile.hostLink != Link{}) json["host"] = linkJson(profile.hostLink);
  return json;
}

Json memoryJson(const Memory& memory) {
  Json json{{"capacityBytes", memory.capacityBytes},
            {"reserveBytes", memory.reserveBytes},
            {"workspaceBytes", memory.workspaceBytes}};
  if (memory.hostBudgetBytes > 0) json["hostBudgetBytes"] = memory.hostBudgetBytes;
  return json;
}

Json observedJson(const ObservedStage& stage) {
  return {{"stage", stage.stage},
          {"layers", stage.layerCount},
          {"forwardNs", stage.forwardNs},
          {"backwardNs", stage.backwardNs},
          {"peakBytes", stage.peakBytes}};
}

}  // namespace

Json documentOf(const Profile& profile) {
  return {{"schema", kProfileSchema},
          {"name", profile.name},
          {"source", profile.source},
          {"hardware", profile.hardware},
          {"tag", trace::name(profile.tag)},
          {"stageTag", trace::name(profile.stageTag)},
          {"schedule", profile.schedule},
          {"model", shapeJson(profile.model)},
          {"parallel", shapeJson(profile.parallel)},
          {"kinds", list(profile.kinds, kindJson)},
          {"layers", profile.layers},
          {"first", endJson(profile.first)},
          {"last", endJson(profile.last)},
          {"send",
           {{"forwardNs", profile.sendForwardNs},
            {"backwardNs", profile.sendBackwardNs},
            {"bytes", profile.sendBytes}}},
          {"links", linksJson(profile)},
          {"contention", {{"kappa", profile.kappa}, {"rho", profile.rho}}},
          {"memory", memoryJson(profile.memory)},
          {"observed",
           {{"stepNs", profile.observedStepNs},
            {"plan", profile.observedPlan},
            {"stages", list(profile.observed, observedJson)}}}};
}

}  // namespace caracal::profile
