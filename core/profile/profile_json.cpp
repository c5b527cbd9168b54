#include "core/profile/profile_json.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/base/files.h"
#include "core/base/hash.h"
#include "core/base/json_reader.h"
#include "core/base/json_writer.h"
#include "core/profile/profile_document.h"
#include "core/profile/shape_json.h"

namespace caracal::profile {
namespace {

using Json = nlohmann::ordered_json;

OperatorKind readKind(JsonNode& node) {
  const std::string text = node.text("kind");
  if (const auto kind = operatorKindFromName(text)) return *kind;
  std::string known;
  for (size_t kind = 0; kind <= static_cast<size_t>(OperatorKind::kView); ++kind)
    known += fmt::format("{}{}", kind > 0 ? ", " : "", name(static_cast<OperatorKind>(kind)));
  node.fail("kind", fmt::format("must be one of {}, not \"{}\"", known, text));
  return OperatorKind::kElementwise;
}

trace::Tag readTag(JsonNode& node, std::string_view key) {
  const std::string text = node.text(key);
  if (const auto tag = trace::tagFromName(text)) return *tag;
  node.fail(key,
            fmt::format("must be measured, emulated, simulated or estimated, not \"{}\"", text));
  return trace::Tag::kEstimated;
}

std::vector<Operator> readOperators(JsonNode& node) {
  std::vector<Operator> operators;
  for (JsonNode& place : node.objects("operators")) {
    Operator op;
    op.id = place.text("id");
    op.kind = readKind(place);
    op.forwardNs = place.integer("forwardNs", 0);
    op.backwardNs = place.integer("backwardNs", 0);
    op.outputBytes = place.integer("outputBytes", 0);
    op.savedBytes = place.integer("savedBytes", 0);
    op.savedFor = place.texts("savedFor");
    op.inputs = place.texts("inputs");
    if (place.has("weightNs")) op.weightNs = place.integer("weightNs", 0);
    place.finish();
    operators.push_back(std::move(op));
  }
  return operators;
}

std::vector<Window> readWindows(JsonNode& node) {
  std::vector<Window> windows;
  for (JsonNode& place : node.objects("windows")) {
    Window window;
    window.id = place.text("id");
    window.after = place.text("after");
    window.transferNs = place.integer("transferNs", 0);
    window.overlappedNs = place.integer("overlappedNs", 0);
    window.bytes = place.integer("bytes", 0);
    place.finish();
    windows.push_back(std::move(window));
  }
  return windows;
}

std::vector<LayerKind> readKinds(JsonNode& root) {
  std::vector<LayerKind> kinds;
  for (JsonNode& place : root.objects("kinds")) {
    LayerKind kind;
    kind.id = place.text("id");
    kind.inputBytes = place.integer("inputBytes", 0);
    kind.staticBytes = place.integer("staticBytes", 0);
    kind.optimizerNs = place.integer("optimizerNs", 0);
    kind.gradientReduceNs = place.integer("gradientReduceNs", 0);
    kind.operators = readOperators(place);
    kind.windows = readWindows(place);
    place.finish();
    kinds.push_back(std::move(kind));
  }
  return kinds;
}

ModelEnd readEnd(JsonNode node) {
  ModelEnd end;
  end.staticBytes = node.integer("staticBytes", 0);
  end.optimizerNs = node.integer("optimizerNs", 0);
  end.gradientReduceNs = node.integer("gradientReduceNs", 0);
  end.operators = readOperators(node);
  node.finish();
  return end;
}

Link readLink(JsonNode node) {
  Link link;
  link.latencyNs = node.integer("latencyNs", 0);
  link.bytesPerSecond = node.number("bytesPerSecond", 0);
  link.shared = node.booleanOr("shared", false);
  node.finish();
  return link;
}

void readTransfers(JsonNode& root, Profile& profile) {
  JsonNode send = root.object("send");
  profile.sendForwardNs = send.integer("forwardNs", 0);
  profile.sendBackwardNs = send.integer("backwardNs", 0);
  profile.sendBytes = send.integer("bytes", 0);
  send.finish();
  JsonNode links = root.object("links");
  profile.tensorLink = readLink(links.object("tensor"));
  profile.pipelineLink = readLink(links.object("pipeline"));
  profile.dataLink = readLink(links.object("data"));
  if (links.has("host")) profile.hostLink = readLink(links.object("host"));
  links.finish();
  JsonNode contention = root.object("contention");
  profile.kappa = contention.number("kappa", 1.0);
  profile.rho = contention.number("rho", 1.0);
  contention.finish();
}

void readMemory(JsonNode node, Memory& memory) {
  memory.capacityBytes = node.integer("capacityBytes", 0);
  memory.reserveBytes = node.integer("reserveBytes", 0);
  memory.workspaceBytes = node.integer("workspaceBytes", 0);
  memory.hostBudgetBytes = node.integerOr("hostBudgetBytes", 0, 0);
  node.finish();
}

void readObserved(JsonNode node, Profile& profile) {
  profile.observedStepNs = node.integer("stepNs", 0);
  profile.observedPlan = node.text("plan");
  for (JsonNode& place : node.objects("stages")) {
    ObservedStage stage;
    stage.stage = place.integer32("stage", 0);
    stage.layerCount = place.integer32("layers", 0);
    stage.forwardNs = place.integer("forwardNs", 0);
    stage.backwardNs = place.integer("backwardNs", 0);
    stage.peakBytes = place.integer("peakBytes", 0);
    place.finish();
    profile.observed.push_back(stage);
  }
  node.finish();
}

Profile readProfile(JsonNode& root) {
  Profile profile;
  root.schema(kProfileSchema);
  if (!root.ok()) return profile;  // of another version: its fields are not ours to judge
  profile.name = root.text("name");
  profile.source = root.text("source");
  profile.hardware = root.text("hardware");
  profile.tag = readTag(root, "tag");
  profile.stageTag = readTag(root, "stageTag");
  profile.schedule = root.text("schedule");
  profile.model = readModelShape(root.object("model"));
  profile.parallel = readParallelShape(root.object("parallel"));
  profile.kinds = readKinds(root);
  for (const int64_t kind : root.integers("layers", 0)) {
    profile.layers.push_back(static_cast<uint32_t>(std::min<int64_t>(kind, UINT32_MAX)));
  }
  profile.first = readEnd(root.object("first"));
  profile.last = readEnd(root.object("last"));
  readTransfers(root, profile);
  readMemory(root.object("memory"), profile.memory);
  readObserved(root.object("observed"), profile);
  root.finish();
  return profile;
}

}  // namespace

std::string toJson(const Profile& profile) {
  return prettyJson(documentOf(profile));
}

Result<Profile> profileFromJson(std::string_view text) {
  CARACAL_TRY(document, JsonDocument::parse(text));
  JsonNode root = document.root();
  Profile profile = readProfile(root);
  if (document.error()) return tl::unexpected(*document.error());
  CARACAL_CHECK_OK(validate(profile));
  return profile;
}

Result<Profile> loadProfile(const std::string& path) {
  CARACAL_TRY(text, readTextFile(path));
  auto profile = profileFromJson(text);
  if (!profile) return tl::unexpected(at(profile.error(), path));
  return profile;
}

Result<void> saveProfile(const Profile& profile, const std::string& path) {
  return writeTextFile(path, toJson(profile));
}

std::string hashOf(const Profile& profile) {
  Json document = documentOf(profile);
  // Renaming a profile or moving its file makes it no other profile.
  document.erase("name");
  document.erase("source");
  return hash64(canonicalJson(document));
}

}  // namespace caracal::profile
