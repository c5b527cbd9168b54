#include "core/export/loss_document.h"

#include <nlohmann/json.hpp>

#include "core/base/json_writer.h"

namespace caracal::exporter {
namespace {

using Json = nlohmann::ordered_json;

Json predictionJson(const sim::SimResult& prediction) {
  Json stages = Json::array();
  for (const sim::StageResult& stage : prediction.stages) {
    stages.push_back({{"stage", stage.stage},
                      {"layers", stage.layers},
                      {"peakBytes", stage.peakBytes},
                      {"budgetBytes", stage.budgetBytes},
                      {"exposedRecomputeNs", stage.exposedRecomputeNs},
                      {"hiddenRecomputeNs", stage.hiddenRecomputeNs}});
  }
  return {{"stepNs", prediction.stepNs}, {"fits", prediction.fits}, {"stages", stages}};
}

}  // namespace

std::string lossDocument(const ExportResult& result, const plan::Plan& plan,
                         const std::vector<Alternative>& alternatives) {
  Json document = {
      {"schema", kLossSchema},
      {"target", result.target},
      {"targetVersion", result.targetVersion},
      {"plan", {{"name", plan.name}, {"policy", plan.policy}, {"hash", plan::hashOf(plan)}}},
      {"projection", result.projected.policy}};
  document["fields"] = Json::array();
  for (const FieldLoss& loss : result.losses) {
    document["fields"].push_back(
        {{"field", loss.field}, {"fidelity", name(loss.fidelity)}, {"words", loss.words}});
  }
  document["planned"] = predictionJson(result.planned);
  document["projected"] = predictionJson(result.predicted);
  document["alternatives"] = Json::array();
  for (const Alternative& other : alternatives) {
    document["alternatives"].push_back(
        {{"projection", other.words}, {"stepNs", other.stepNs}, {"fits", other.fits}});
  }
  return prettyJson(document);
}

}  // namespace caracal::exporter
