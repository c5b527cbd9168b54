#include "core/profile/model_description.h"

#include <filesystem>
#include <nlohmann/json.hpp>

#include "core/base/files.h"
#include "core/base/json_reader.h"
#include "core/base/json_writer.h"
#include "core/base/resources.h"
#include "core/profile/layer_table.h"
#include "core/profile/parameters.h"

namespace caracal::profile {
namespace {

// A file of this path, else the resource of this name.
Result<std::string> resolve(const std::string& nameOrPath, std::string_view folder) {
  const std::string known = fmt::format("{}", fmt::join(listResources(folder), ", "));
  std::error_code ignored;
  if (std::filesystem::exists(nameOrPath, ignored) &&
      !std::filesystem::is_directory(nameOrPath, ignored)) {
    return nameOrPath;
  }
  if (auto found = findResource(fmt::format("{}/{}.json", folder, nameOrPath))) return *found;
  return fail(ErrorCode::kNotFound, "\"{}\" is neither a file nor one of the known {}: {}",
              nameOrPath, folder, known);
}

ModelShape readShape(JsonNode& root) {
  ModelShape shape;
  shape.layers = root.integer32("layers", 1);
  shape.hidden = root.integer("hidden", 1);
  shape.ffnHidden = root.integerOr("ffnHidden", 0, 0);
  shape.heads = root.integer("heads", 1);
  shape.sequence = root.integer("sequence", 1);
  shape.vocabulary = root.integer("vocabulary", 1);
  shape.microBatchSize = root.integerOr("microBatchSize", 1, 1);
  shape.bytesPerElement = root.integerOr("bytesPerElement", 2, 1);
  shape.dropout = root.numberOr("dropout", 0.0, 0.0);
  return shape;
}

ParallelShape readParallel(JsonNode& root) {
  ParallelShape shape;
  shape.tensor = root.integer32Or("tp", 1, 1);
  shape.pipeline = root.integer32Or("pp", 1, 1);
  shape.data = root.integer32Or("dp", 1, 1);
  shape.context = root.integer32Or("contextParallel", 1, 1);
  shape.microBatches = root.integer32Or("microBatches", 1, 1);
  shape.sequenceParallel = root.booleanOr("sequenceParallel", false);
  shape.overlapGradientReduce = root.booleanOr("overlapGradientReduce", false);
  return shape;
}

Architecture readArchitecture(JsonNode& root) {
  Architecture design;
  design.kvHeads = root.integerOr("kvHeads", 0, 0);
  design.gatedMlp = root.booleanOr("gatedMlp", false);
  design.biases = root.booleanOr("biases", true);
  design.rmsNorm = root.booleanOr("rmsNorm", false);
  design.rotary = root.booleanOr("rotary", false);
  design.tiedEmbeddings = root.booleanOr("tiedEmbeddings", true);
  design.experts = root.integerOr("experts", 0, 0);
  design.topK = root.integerOr("topK", design.experts > 0 ? 1 : 0, 0);
  design.moeEvery = root.integerOr("moeEvery", 1, 1);
  design.expertParallel = root.integer32Or("expertParallel", 1, 1);
  return design;
}

// "attention": "unfused" or "fused"; earlier documents say "fusedAttention": true.
bool readFusedAttention(JsonNode& root) {
  const bool older = root.booleanOr("fusedAttention", false);
  if (!root.has("attention")) return older;
  const std::string attention = root.text("attention");
  if (attention != "fused" && attention != "unfused")
    root.fail("attention", "must be \"fused\" or \"unfused\"");
  return attention == "fused";
}

bool readUlysses(JsonNode& root) {
  const std::string style = root.textOr("contextStyle", "gather");
  if (style != "gather" && style != "ulysses")
    root.fail("contextStyle", "must be \"gather\" or \"ulysses\"");
  return style == "ulysses";
}

Link readLink(JsonNode node) {
  Link link;
  link.latencyNs = node.integer("latencyNs", 0);
  link.bytesPerSecond = node.number("bytesPerSecond", 1.0);
  link.shared = node.booleanOr("shared", false);
  node.finish();
  return link;
}

double readEfficiency(JsonNode& node, std::string_view key) {
  const double share = node.number(key, 0.01);
  if (share > 1.0) node.fail(key, "must be at most 1: it is the reachable share of a peak");
  return share;
}

ModelDescription readModel(JsonNode& root) {
  ModelDescription model;
  if (root.has("schema")) root.schema(kModelSchema);
  model.name = root.textOr("name", "model");
  root.skip("source");  // where the sizes are from, for people
  model.shape = readShape(root);
  model.parallel = readParallel(root);
  model.architecture = readArchitecture(root);
  model.table = root.textOr("table", "");
  model.gpu = root.textOr("gpu", "");
  model.fusedAttention = readFusedAttention(root);
  model.ulysses = readUlysses(root);
  model.staticBytesPerParameter = root.numberOr("staticBytesPerParameter", 18, 0);
  model.distributedOptimizer = root.booleanOr("distributedOptimizer", false);
  if (model.distributedOptimizer && model.staticBytesPerParameter < kOptimizerBytesPerParameter) {
    root.fail("staticBytesPerParameter",
              "must be at least 12 with a distributed optimizer, which spreads 12 of them");
  }
  model.dropoutMaskBytes = root.integerOr("dropoutMaskBytes", 0, 0);
  model.reserveBytes = root.integerOr("reserveBytes", 0, 0);
  model.overlapsWeightGradients = root.booleanOr("overlapsWeightGradients", false);
  root.finish();
  return model;
}

bool isLayerTable(const std::string& text) {
  auto document = JsonDocument::parse(text);
  if (!document) return false;
  JsonNode root = document->root();
  return root.has("schema") && root.text("schema") == kLayerTableSchema;
}

// The description inside an operator table, which uses that table.
Result<ModelDescription> modelInTable(const std::string& text, const std::string& path) {
  CARACAL_TRY(document, JsonDocument::parse(text));
  JsonNode root = document.root();
  if (!root.has("model")) {
    return fail(ErrorCode::kCannotAnswer,
                "this operator table describes no model; give it a \"model\" with layers, hidden, "
                "..., or name it as \"table\" in a model description");
  }
  JsonNode node = root.object("model");
  if (node.has("table")) node.fail("table", "must be left out: it is the table around it");
  ModelDescription model = readModel(node);
  if (document.error()) return tl::unexpected(*document.error());
  CARACAL_CHECK_OK(validate(model));
  model.table = path;
  return model;
}

// A table that a description names is looked for beside the description first.
void resolveTable(ModelDescription& model, const std::string& path) {
  if (model.table.empty()) return;
  const auto beside = std::filesystem::path(path).parent_path() / model.table;
  std::error_code ignored;
  if (std::filesystem::is_regular_file(beside, ignored)) model.table = beside.string();
}

}  // namespace

Result<ModelDescription> modelFromJson(std::string_view text) {
  CARACAL_TRY(document, JsonDocument::parse(text));
  JsonNode root = document.root();
  ModelDescription model = readModel(root);
  if (document.error()) return tl::unexpected(*document.error());
  CARACAL_CHECK_OK(validate(model));
  return model;
}

std::string modelToJson(const ModelDescription& model) {
  const Architecture& design = model.architecture;
  nlohmann::ordered_json document = {
      {"schema", kModelSchema},
      {"name", model.name},
      {"layers", model.shape.layers},
      {"hidden", model.shape.hidden},
      {"ffnHidden", model.shape.ffnHidden},
      {"heads", model.shape.heads},
      {"sequence", model.shape.sequence},
      {"vocabulary", model.shape.vocabulary},
      {"microBatchSize", model.shape.microBatchSize},
      {"bytesPerElement", model.shape.bytesPerElement},
      {"dropout", model.shape.dropout},
      {"tp", model.parallel.tensor},
      {"pp", model.parallel.pipeline},
      {"dp", model.parallel.data},
      {"microBatches", model.parallel.microBatches},
      {"sequenceParallel", model.parallel.sequenceParallel},
      {"overlapGradientReduce", model.parallel.overlapGradientReduce},
      {"gpu", model.gpu},
      {"attention", model.fusedAttention ? "fused" : "unfused"},
      {"contextParallel", model.parallel.context},
      {"contextStyle", model.ulysses ? "ulysses" : "gather"},
      {"kvHeads", design.kvHeads},
      {"gatedMlp", design.gatedMlp},
      {"biases", design.biases},
      {"rmsNorm", design.rmsNorm},
      {"rotary", design.rotary},
      {"tiedEmbeddings", design.tiedEmbeddings},
      {"experts", design.experts},
      {"topK", design.topK},
      {"moeEvery", design.moeEvery},
      {"expertParallel", design.expertParallel},
      {"distributedOptimizer", model.distributedOptimizer},
      {"staticBytesPerParameter", model.staticBytesPerParameter},
      {"dropoutMaskBytes", model.dropoutMaskBytes},
      {"reserveBytes", model.reserveBytes},
      {"overlapsWeightGradients", model.overlapsWeightGradients}};
  if (!model.table.empty()) document["table"] = model.table;
  return prettyJson(document);
}

Result<ModelDescription> loadModel(const std::string& nameOrPath) {
  CARACAL_TRY(path, resolve(nameOrPath, "models"));
  CARACAL_TRY(text, readTextFile(path));
  auto model = isLayerTable(text) ? modelInTable(text, path) : modelFromJson(text);
  if (!model) return tl::unexpected(at(model.error(), path));
  if (model->table != path) resolveTable(*model, path);
  return model;
}

Result<Hardware> hardwareFromJson(std::string_view text) {
  CARACAL_TRY(document, JsonDocument::parse(text));
  JsonNode root = document.root();
  root.schema(kHardwareSchema);
  Hardware hardware;
  hardware.name = root.text("name");
  hardware.matrixFlops = root.number("matrixFlops", 1.0);
  hardware.matrixEfficiency = readEfficiency(root, "matrixEfficiency");
  hardware.memoryBytesPerSecond = root.number("memoryBytesPerSecond", 1.0);
  hardware.memoryEfficiency = readEfficiency(root, "memoryEfficiency");
  hardware.memoryBytes = root.integer("memoryBytes", 1);
  hardware.launchNs = root.integer("launchNs", 0);
  hardware.tensorLink = readLink(root.object("tensorLink"));
  hardware.pipelineLink = readLink(root.object("pipelineLink"));
  hardware.dataLink = readLink(root.object("dataLink"));
  if (root.has("hostLink")) hardware.hostLink = readLink(root.object("hostLink"));
  hardware.gpusPerNode = root.integer32Or("gpusPerNode", 8, 1);
  hardware.kappa = root.numberOr("kappa", 1.0, 1.0);
  hardware.rho = root.numberOr("rho", 1.0, 1.0);
  root.skip("sources");  // one text for each constant, for people
  root.finish();
  if (document.error()) return tl::unexpected(*document.error());
  return hardware;
}

Result<Hardware> loadHardware(const std::string& nameOrPath) {
  if (nameOrPath.empty()) {
    return fail(ErrorCode::kCannotAnswer,
                "no device is named; set \"gpu\" in the model description to a file or one of {}",
                fmt::join(listResources("hardware"), ", "));
  }
  CARACAL_TRY(path, resolve(nameOrPath, "hardware"));
  CARACAL_TRY(text, readTextFile(path));
  auto hardware = hardwareFromJson(text);
  if (!hardware) return tl::unexpected(at(hardware.error(), path));
  return hardware;
}

}  // namespace caracal::profile
