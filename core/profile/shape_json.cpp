#include "core/profile/shape_json.h"

#include <nlohmann/json.hpp>

namespace caracal::profile {

nlohmann::ordered_json shapeJson(const ModelShape& shape) {
  return {{"layers", shape.layers},
          {"hidden", shape.hidden},
          {"ffnHidden", shape.ffnHidden},
          {"heads", shape.heads},
          {"sequence", shape.sequence},
          {"vocabulary", shape.vocabulary},
          {"microBatchSize", shape.microBatchSize},
          {"bytesPerElement", shape.bytesPerElement},
          {"dropout", shape.dropout}};
}

nlohmann::ordered_json shapeJson(const ParallelShape& shape) {
  nlohmann::ordered_json document = {{"tensor", shape.tensor},
                                     {"pipeline", shape.pipeline},
                                     {"data", shape.data},
                                     {"sequenceParallel", shape.sequenceParallel},
                                     {"microBatches", shape.microBatches}};
  if (shape.context > 1) document["context"] = shape.context;
  if (shape.overlapGradientReduce) document["overlapGradientReduce"] = true;
  return document;
}

ModelShape readModelShape(JsonNode node) {
  ModelShape shape;
  shape.layers = node.integer32("layers", 1);
  shape.hidden = node.integer("hidden", 0);
  shape.ffnHidden = node.integer("ffnHidden", 0);
  shape.heads = node.integer("heads", 0);
  shape.sequence = node.integer("sequence", 0);
  shape.vocabulary = node.integer("vocabulary", 0);
  shape.microBatchSize = node.integer("microBatchSize", 1);
  shape.bytesPerElement = node.integer("bytesPerElement", 1);
  shape.dropout = node.number("dropout", 0.0);
  if (shape.dropout >= 1.0) node.fail("dropout", "must be below 1: it is a probability");
  node.finish();
  return shape;
}

ParallelShape readParallelShape(JsonNode node) {
  ParallelShape shape;
  shape.tensor = node.integer32("tensor", 1);
  shape.pipeline = node.integer32("pipeline", 1);
  shape.data = node.integer32("data", 1);
  shape.context = node.integer32Or("context", 1, 1);
  shape.sequenceParallel = node.boolean("sequenceParallel");
  shape.microBatches = node.integer32("microBatches", 1);
  shape.overlapGradientReduce = node.booleanOr("overlapGradientReduce", false);
  node.finish();
  return shape;
}

}  // namespace caracal::profile
