#include "core/profile/model_description.h"

#include <filesystem>
#include <nlohmann/json.hpp>

#include "core/base/files.h"
#include "core/base/json_reader.h"
#include "core/base/json_writer.h"
#include "core/base/resources.h"

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
  shape.microBatches = root.integer32Or("microBatches", 1, 1);
  shape.sequenceParallel = root.booleanOr("sequenceParallel", false);
  return shape;
}

Link readLink(JsonNode node) {
  Link link;
  link.latencyNs = node.integer("latencyNs", 0);
  link.bytesPerSecond = node.number("bytesPerSecond", 1.0);
  node.finish();
  return link;
}

double readEfficiency(JsonNode& node, std::string_view key) {
  const double share = node.number(key, 0.01);
  if (share > 1.0) node.fail(key, "must be at most 1: it is the reachable share of a peak");
  return share;
}

tl::unexpected<Error> indivisible(std::string_view what, int64_t value, std::string_view by,
                                  int64_t divisor) {
  return fail(ErrorCode::kInvalidInput, "{} ({}) must be a multiple of {} ({})", what, value, by,
              divisor);
}

}  // namespace

Result<void> validate(const ModelDescription& model) {
  const ModelShape& shape = model.shape;
  const ParallelShape& parallel = model.parallel;
  if (shape.layers < 1 || shape.hidden < 1 || shape.heads < 1 || shape.sequence < 1 ||
      shape.vocabulary < 1 || shape.microBatchSize < 1 || shape.bytesPerElement < 1 ||
      shape.ffnHidden < 0) {
    return fail(ErrorCode::kInvalidInput,
                "layers, hidden, heads, sequence, vocabulary and microBatchSize must be positive");
  }
  if (parallel.tensor < 1 || parallel.pipeline < 1 || parallel.data < 1 ||
      parallel.microBatches < 1) {
    return fail(ErrorCode::kInvalidInput, "tp, pp, dp and microBatches must be positive");
  }
  if (shape.dropout < 0 || shape.dropout >= 1) {
    return fail(ErrorCode::kInvalidInput, "dropout ({}) must be at least 0 and below 1",
                shape.dropout);
  }
  if (shape.hidden % shape.heads != 0)
    return indivisible("hidden", shape.hidden, "heads", shape.heads);
  if (shape.heads % parallel.tensor != 0)
    return indivisible("heads", shape.heads, "tp", parallel.tensor);
  if (shape.ffn() % parallel.tensor != 0)
    return indivisible("ffnHidden", shape.ffn(), "tp", parallel.tensor);
  if (shape.layers < parallel.pipeline) {
    return fail(ErrorCode::kInvalidInput, "{} layers cannot fill {} pipeline stages; lower pp",
                shape.layers, parallel.pipeline);
  }
  if (parallel.sequenceParallel) {
    return fail(ErrorCode::kUnsupported,
                "sequence parallelism is not modelled yet; set sequenceParallel to false");
  }
  // Far above any model, far below what would overflow the 64-bit byte counts of a layer.
  constexpr double kLargestTensor = 1e15;
  const double scores = static_cast<double>(shape.heads) * static_cast<double>(shape.sequence) *
                        static_cast<double>(shape.sequence) *
                        static_cast<double>(shape.microBatchSize);
  const double wide =
      static_cast<double>(shape.sequence) * static_cast<double>(shape.microBatchSize) *
      static_cast<double>(std::max({shape.ffn(), 3 * shape.hidden, shape.vocabulary}));
  if (scores > kLargestTensor || wide > kLargestTensor ||
      static_cast<double>(shape.ffn()) * static_cast<double>(shape.hidden) > kLargestTensor) {
    return fail(ErrorCode::kInvalidInput,
                "a tensor of this model would have more than 10^15 elements; check sequence, heads "
                "and hidden");
  }
  return {};
}

Result<ModelDescription> modelFromJson(std::string_view text) {
  CARACAL_TRY(document, JsonDocument::parse(text));
  JsonNode root = document.root();
  if (root.has("schema")) root.schema(kModelSchema);
  ModelDescription model;
  model.name = root.textOr("name", "model");
  model.shape = readShape(root);
  model.parallel = readParallel(root);
  model.gpu = root.textOr("gpu", "");
  model.fusedAttention = root.booleanOr("fusedAttention", false);
  model.staticBytesPerParameter = root.numberOr("staticBytesPerParameter", 18, 0);
  model.dropoutMaskBytes = root.integerOr("dropoutMaskBytes", 0, 0);
  model.reserveBytes = root.integerOr("reserveBytes", 0, 0);
  model.overlapsWeightGradients = root.booleanOr("overlapsWeightGradients", false);
  root.finish();
  if (document.error()) return tl::unexpected(*document.error());
  CARACAL_CHECK_OK(validate(model));
  return model;
}

std::string modelToJson(const ModelDescription& model) {
  const nlohmann::ordered_json document = {
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
      {"gpu", model.gpu},
      {"fusedAttention", model.fusedAttention},
      {"staticBytesPerParameter", model.staticBytesPerParameter},
      {"dropoutMaskBytes", model.dropoutMaskBytes},
      {"reserveBytes", model.reserveBytes},
      {"overlapsWeightGradients", model.overlapsWeightGradients}};
  return prettyJson(document);
}

Result<ModelDescription> loadModel(const std::string& nameOrPath) {
  CARACAL_TRY(path, resolve(nameOrPath, "models"));
  CARACAL_TRY(text, readTextFile(path));
  auto model = modelFromJson(text);
  if (!model) return tl::unexpected(at(model.error(), path));
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
