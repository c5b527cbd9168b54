#include "app/runs/slice.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <utility>

#include "core/profile/profile_json.h"

namespace caracal::runs {
namespace {

using plan::Plan;

constexpr int64_t kNumberBytes = 4;  // of the CPU backend, which computes in fp32

int32_t chosen(int32_t asked, int32_t usual, int32_t ofPlan) {
  return std::min(asked > 0 ? asked : usual, ofPlan);
}

// The first ones, and always the last.
std::vector<int32_t> keptStages(int32_t kept, int32_t ofPlan) {
  std::vector<int32_t> stages;
  for (int32_t stage = 0; stage < kept - 1; ++stage) stages.push_back(stage);
  stages.push_back(ofPlan - 1);
  return stages;
}

int32_t fewestLayers(const Plan& plan, const std::vector<int32_t>& stages) {
  int32_t fewest = plan.model.layers;
  for (const int32_t stage : stages)
    fewest = std::min(fewest, plan.stages[static_cast<size_t>(stage)].layerCount());
  return fewest;
}

void describeCuts(const Plan& plan, Slice& slice) {
  const profile::ParallelShape& whole = plan.parallel;
  const profile::ParallelShape& part = slice.model.parallel;
  const auto cut = [&](int64_t from, int64_t to, const char* what, const std::string& detail = "") {
    if (from != to) slice.cuts.push_back(fmt::format("{} {} became {}{}", from, what, to, detail));
  };
  cut(whole.pipeline, part.pipeline, "stages",
      fmt::format(" (the plan's {})", fmt::join(slice.stagesOfPlan, ", ")));
  cut(plan.model.layers, slice.model.shape.layers, "layers",
      fmt::format(" (the plan's {})", fmt::join(slice.layersOfPlan, ", ")));
  cut(whole.tensor, part.tensor, "tensor-parallel ranks", ", each with more heads and columns");
  cut(whole.data, part.data, "data-parallel replicas");
  cut(whole.microBatches, part.microBatches, "micro-batches");
  if (plan.model.bytesPerElement != kNumberBytes) {
    slice.cuts.push_back(
        fmt::format("activations of {} bytes an element became fp32", plan.model.bytesPerElement));
  }
}

}  // namespace

Result<SliceShape> sliceShapeFromText(std::string_view text) {
  SliceShape shape;
  const std::pair<std::string_view, int32_t*> keys[] = {{"stages", &shape.stages},
                                                        {"layers", &shape.layers},
                                                        {"tensor", &shape.tensor},
                                                        {"microbatches", &shape.microBatches}};
  while (!text.empty()) {
    const std::string_view word = text.substr(0, text.find(','));
    text.remove_prefix(std::min(text.size(), word.size() + 1));
    const size_t equals = std::min(word.find('='), word.size());
    const auto key = std::find_if(std::begin(keys), std::end(keys), [&](const auto& known) {
      return known.first == word.substr(0, equals) && *known.second == 0;
    });
    int32_t value = 0;
    if (key != std::end(keys) && equals < word.size())
      std::from_chars(word.data() + equals + 1, word.data() + word.size(), value);
    if (value < 1) {
      return fail(ErrorCode::kInvalidInput,
                  "\"{}\" is no part of a slice; write stages, layers, tensor or microbatches, = "
                  "and a number, such as stages=2,layers=1",
                  word);
    }
    *key->second = value;
  }
  return shape;
}

Result<Slice> sliceOf(const Plan& plan, const SliceShape& asked) {
  const profile::ParallelShape& whole = plan.parallel;
  if (static_cast<int32_t>(plan.stages.size()) != whole.pipeline) {
    return fail(
        ErrorCode::kUnsupported,
        "schedule {} gives a stage several chunks of the model, and fewer stages would give "
        "others; measure a plan of 1F1B",
        plan.schedule);
  }
  constexpr int32_t kUsual = 2;  // the least that shows what stages, layers and ranks do together
  Slice slice;
  profile::ParallelShape& part = slice.model.parallel;
  part.pipeline = chosen(asked.stages, kUsual, whole.pipeline);
  part.tensor = chosen(asked.tensor, kUsual, whole.tensor);
  part.microBatches = chosen(asked.microBatches, kUsual * part.pipeline, whole.microBatches);
  part.context = whole.context;
  part.sequenceParallel = whole.sequenceParallel;
  slice.stagesOfPlan = keptStages(part.pipeline, whole.pipeline);
  const int32_t layers = chosen(asked.layers, kUsual, fewestLayers(plan, slice.stagesOfPlan));
  for (const int32_t stage : slice.stagesOfPlan) {
    const int32_t first = plan.stages[static_cast<size_t>(stage)].firstLayer;
    for (int32_t i = 0; i < layers; ++i) slice.layersOfPlan.push_back(first + i);
  }
  slice.model.name = plan.name + ", a slice";
  slice.model.shape = plan.model;
  slice.model.shape.layers = layers * part.pipeline;
  slice.model.shape.bytesPerElement = kNumberBytes;
  CARACAL_CHECK_OK(profile::validate(slice.model));
  describeCuts(plan, slice);
  return slice;
}

namespace {

Result<plan::LayerPolicy> policyHere(const plan::LayerPolicy& policy,
                                     const std::vector<std::string>& ids,
                                     const profile::LayerKind& kind) {
  if (ids.size() != policy.placements.size())
    return fail(ErrorCode::kInvalidInput, "the plan's layers are not those of its operators");
  plan::LayerPolicy result{{}, policy.keepsInput};
  for (const profile::Operator& op : kind.operators) {
    const auto found = std::find(ids.begin(), ids.end(), op.id);
    if (found == ids.end()) {
      return fail(ErrorCode::kUnsupported,
                  "operators of this machine have `{}`, which the plan's layers lack; measure a "
                  "plan of unfused attention",
                  op.id);
    }
    result.placements.push_back(policy.placements[static_cast<size_t>(found - ids.begin())]);
  }
  return result;
}

}  // namespace

Result<Plan> slicedPlan(const plan::PlanDocument& document, const Slice& slice,
                        const profile::Profile& here) {
  const Plan& whole = document.plan;
  Plan plan;
  plan.name = slice.model.name;
  plan.policy = whole.policy;
  plan.schedule = whole.schedule;
  plan.profileHash = profile::hashOf(here);
  plan.model = here.model;
  plan.parallel = here.parallel;
  const size_t layers = slice.layersOfPlan.size() / slice.stagesOfPlan.size();
  size_t next = 0;
  for (const int32_t stage : slice.stagesOfPlan) {
    const plan::StagePlan& from = whole.stages[static_cast<size_t>(stage)];
    plan::StagePlan& to = plan.stages.emplace_back();
    to.firstLayer = static_cast<int32_t>(next);
    for (size_t i = 0; i < layers; ++i, ++next) {
      const auto layer = static_cast<size_t>(slice.layersOfPlan[next]);
      if (layer >= document.operatorIds.size())
        return fail(ErrorCode::kInvalidInput, "the plan has no layer {}", layer);
      CARACAL_TRY(policy,
                  policyHere(from.layers[i], document.operatorIds[layer], here.kinds.front()));
      to.layers.push_back(std::move(policy));
    }
  }
  return plan;
}

bool needsSlice(const Prediction& prediction, const std::string& backend) {
  if (!backend.empty() && backend != "cpu") return false;
  const profile::ParallelShape& parallel = prediction.plan.parallel;
  if (prediction.plan.model.bytesPerElement != kNumberBytes) return true;
  int64_t neededBytes = 0;
  for (const sim::StageResult& stage : prediction.result.stages)
    neededBytes += stage.peakBytes * parallel.tensor * parallel.context * parallel.data;
  return neededBytes > int64_t{sysconf(_SC_PHYS_PAGES)} * sysconf(_SC_PAGE_SIZE);
}

}  // namespace caracal::runs
