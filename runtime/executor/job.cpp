#include "runtime/executor/job.h"

#include <algorithm>

#include "core/plan/item_effects.h"
#include "core/plan/tensor_bytes.h"
#include "core/profile/model_structure.h"
#include "core/profile/profile_json.h"
#include "runtime/model/shape.h"
#include "runtime/model/workspace.h"

namespace caracal::executor {
namespace {

constexpr double kStaticBytesPerParameter = 16;  // fp32 weight, gradient and two moments

// The backend's own storage decides these; a description made for another one may say otherwise.
profile::ModelDescription asStoredHere(profile::ModelDescription model) {
  model.staticBytesPerParameter = kStaticBytesPerParameter;
  model.dropoutMaskBytes = 0;
  model.overlapsWeightGradients = false;
  return model;
}

profile::ModelDescription descriptionOf(const plan::PlanDocument& document) {
  profile::ModelDescription model;
  model.name = document.plan.name;
  model.shape = document.plan.model;
  model.parallel = document.plan.parallel;
  for (const auto& ids : document.operatorIds) {
    model.fusedAttention =
        model.fusedAttention || std::find(ids.begin(), ids.end(), "attn") != ids.end();
  }
  return asStoredHere(model);
}

// The document's placements in the order of this backend's operators.
Result<plan::LayerPolicy> aligned(const plan::LayerPolicy& policy,
                                  const std::vector<std::string>& ids,
                                  const profile::LayerKind& kind) {
  plan::LayerPolicy result = policy;
  result.placements.clear();
  for (const profile::Operator& op : kind.operators) {
    const auto found = std::find(ids.begin(), ids.end(), op.id);
    if (found == ids.end()) {
      return fail(ErrorCode::kInvalidInput,
                  "the plan says nothing of operator `{}`; plan for a profile of this model's runs",
                  op.id);
    }
    result.placements.push_back(policy.placements[static_cast<size_t>(found - ids.begin())]);
  }
  for (const std::string& id : ids) {
    if (kind.indexOf(id) < 0) {
      return fail(
          ErrorCode::kUnsupported,
          "the CPU backend has no operator `{}` in a layer; plan for a profile of its own runs",
          id);
    }
  }
  return result;
}

Result<void> alignPlacements(const plan::PlanDocument& document, const profile::LayerKind& kind,
                             plan::Plan& plan) {
  for (size_t s = 0; s < plan.stages.size(); ++s) {
    plan::StagePlan& stage = plan.stages[s];
    for (size_t i = 0; i < stage.layers.size(); ++i) {
      const size_t layer = static_cast<size_t>(stage.firstLayer) + i;
      const std::string where = fmt::format("stage {}, layer {}", s, layer);
      if (layer >= document.operatorIds.size() ||
          document.operatorIds[layer].size() != stage.layers[i].placements.size()) {
        return tl::unexpected(at(
            {ErrorCode::kInvalidInput, "the plan's layers are not those of its model", {}}, where));
      }
      auto policy = aligned(stage.layers[i], document.operatorIds[layer], kind);
      if (!policy) return tl::unexpected(at(policy.error(), where));
      stage.layers[i] = std::move(*policy);
    }
  }
  return {};
}

plan::Plan keepAllPlan(const profile::Profile& profile) {
  plan::Plan result;
  result.name = "keep all";
  result.policy = "none";
  result.model = profile.model;
  result.parallel = profile.parallel;
  plan::LayerPolicy keepAll;
  for (const profile::Operator& op : profile.kinds.front().operators) {
    keepAll.placements.push_back(
        {op.needed() ? plan::PlacementKind::kRetained : plan::PlacementKind::kDiscarded});
  }
  int32_t next = 0;
  const int32_t stages = profile.parallel.pipeline;
  for (int32_t s = 0; s < stages; ++s) {
    const int32_t count =
        profile.model.layers / stages + (s < profile.model.layers % stages ? 1 : 0);
    plan::StagePlan& stage = result.stages.emplace_back();
    stage.firstLayer = next;
    stage.layers.assign(static_cast<size_t>(count), keepAll);
    next += count;
  }
  return result;
}

Result<Job> finished(Job job) {
  if (job.plan.schedule != "1F1B") {
    return fail(
        ErrorCode::kUnsupported,
        "the plan's schedule is {}, and caracal-run executes 1F1B; make the plan for 1F1B, or "
        "look at this one with `caracal simulate`",
        job.plan.schedule);
  }
  job.plan.profileHash = profile::hashOf(job.profile);
  CARACAL_CHECK_OK(plan::validate(job.profile, job.plan));
  CARACAL_TRY(program, plan::lower(job.profile, job.plan));
  job.program = std::move(program);
  CARACAL_TRY(table, OperatorTable::of(job.profile));
  job.table = std::move(table);
  return job;
}

}  // namespace

Result<profile::Profile> structureOnCpu(const profile::ModelDescription& model) {
  profile::Profile structure;
  structure.name = model.name;
  structure.model = model.shape;
  structure.parallel = model.parallel;
  CARACAL_TRY(layers, profile::structureOf(model));
  structure.kinds = {layers.kinds.front().kind};
  structure.layers = layers.layers;
  // Every rank of a stage holds the whole embedding and the whole head, and they are two matrices
  // also when one stage holds both.
  profile::ModelDescription ends = model;
  ends.parallel.tensor = 1;
  ends.parallel.pipeline = std::max(2, model.parallel.pipeline);
  CARACAL_TRY(whole, profile::structureOf(ends));
  structure.first = whole.first.end;
  structure.last = whole.last.end;
  structure.sendBytes = structure.kinds.front().inputBytes;
  structure.hostLink.bytesPerSecond = 1e9;  // any speed: times of this profile are never read
  return structure;
}

Result<Job> jobFromPlan(const plan::PlanDocument& document) {
  Job job;
  job.model = descriptionOf(document);
  CARACAL_CHECK_OK(model::checkRunnable(job.model));
  CARACAL_TRY(structure, structureOnCpu(job.model));
  job.profile = std::move(structure);
  job.plan = document.plan;
  job.planHash = plan::hashOf(document.plan);
  job.profileHash = document.plan.profileHash;
  CARACAL_CHECK_OK(alignPlacements(document, job.profile.kinds.front(), job.plan));
  return finished(std::move(job));
}

Result<Job> jobFromModel(const profile::ModelDescription& model) {
  Job job;
  job.model = asStoredHere(model);
  CARACAL_CHECK_OK(model::checkRunnable(job.model));
  CARACAL_TRY(structure, structureOnCpu(job.model));
  job.profile = std::move(structure);
  job.plan = keepAllPlan(job.profile);
  job.planHash = plan::hashOf(job.plan);
  return finished(std::move(job));
}

model::LayerRange layersOf(const Job& job, int32_t stage) {
  const plan::StagePlan& plan = job.plan.stages[static_cast<size_t>(stage)];
  return {plan.firstLayer, plan.layerCount(), job.model.shape.layers};
}

StageMemory predictedMemory(const Job& job, int32_t stage) {
  const model::RankShape rank = model::rankShape(job.model.shape, job.model.parallel, 0);
  const model::LayerRange layers = layersOf(job, stage);
  StageMemory memory;
  memory.staticBytes = model::staticBytes(model::parameterSpecs(rank, layers));
  memory.workspaceBytes = model::Workspace::bytesFor(rank, layers.holdsLastEnd());

  const plan::ProfileGraphs graphs(job.profile);
  const plan::StagePlan& stagePlan = job.plan.stages[static_cast<size_t>(stage)];
  const plan::StageShape shape{job.profile, graphs, stagePlan, stage,
                               static_cast<int32_t>(job.plan.stages.size())};
  const plan::StageProgram& program = job.program.stages[static_cast<size_t>(stage)];
  int64_t live = 0;
  for (const plan::Item& item : program.items) {
    plan::forEachMade(shape, item, [&](const plan::TensorRef& ref) {
      live += plan::tensorBytes(shape, ref).live;
    });
    memory.activationBytes = std::max(memory.activationBytes, live);
    for (uint32_t i = item.releaseBegin; i < item.releaseEnd; ++i) {
      live -= plan::tensorBytes(shape, program.releases[i]).live;
    }
  }
  return memory;
}

}  // namespace caracal::executor
