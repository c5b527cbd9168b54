#include "runtime/executor/job.h"

#include <algorithm>

#include "core/plan/item_effects.h"
#include "core/plan/plain_policies.h"
#include "core/plan/stage_shape.h"
#include "core/plan/tensor_bytes.h"
#include "core/plan/tensor_index.h"
#include "core/profile/model_structure.h"
#include "core/profile/profile_json.h"
#include "runtime/model/shape.h"
#include "runtime/model/workspace.h"

namespace caracal::executor {
namespace {

constexpr int64_t kBytesPerNumber = sizeof(float);
constexpr double kWeightBytes = 2 * kBytesPerNumber;  // and gradient
constexpr double kStateBytes = 2 * kBytesPerNumber;   // both moments; the weight is its own master

// The backend's own storage decides these; a description made for another one may say otherwise.
profile::ModelDescription asStoredHere(profile::ModelDescription model,
                                       const ReplicaOptions& replicas = {}) {
  const bool shares = replicas.distributedOptimizer || model.distributedOptimizer;
  model.staticBytesPerParameter = kWeightBytes + kStateBytes / (shares ? model.parallel.data : 1);
  model.distributedOptimizer = false;  // its shares of 12 bytes are those of bf16
  model.dropoutMaskBytes = 0;
  model.overlapsWeightGradients = false;
  return model;
}

profile::ModelDescription descriptionOf(const plan::PlanDocument& document,
                                        const ReplicaOptions& replicas) {
  profile::ModelDescription model;
  model.name = document.plan.name;
  model.shape = document.plan.model;
  model.parallel = document.plan.parallel;
  for (const auto& ids : document.operatorIds) {
    model.fusedAttention =
        model.fusedAttention || std::find(ids.begin(), ids.end(), "attn") != ids.end();
  }
  return asStoredHere(model, replicas);
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

Result<plan::Plan> keepAllPlan(const profile::Profile& profile, std::string_view schedule) {
  CARACAL_TRY(name, plan::scheduleFromName(schedule));
  plan::Plan result;
  result.name = "keep all";
  result.policy = "none";
  result.schedule = plan::toText(name);
  result.model = profile.model;
  result.parallel = profile.parallel;
  const plan::LayerPolicy keepAll{plan::keepAllPlacements(profile.kinds.front())};
  int32_t next = 0;
  const int32_t chunks = plan::chunkCount(name, profile.parallel.pipeline);
  for (int32_t c = 0; c < chunks; ++c) {
    const int32_t count =
        profile.model.layers / chunks + (c < profile.model.layers % chunks ? 1 : 0);
    plan::StagePlan& stage = result.stages.emplace_back();
    stage.firstLayer = next;
    stage.layers.assign(static_cast<size_t>(count), keepAll);
    next += count;
  }
  return result;
}

// As Megatron-LM's DistributedDataParallelConfig: bucket_size = max(40000000, 1000000 * dp).
int64_t defaultBucketBytes(int32_t replicas) {
  constexpr int64_t kMillion = 1'000'000;
  return std::max(40 * kMillion, replicas * kMillion) * kBytesPerNumber;
}

Result<void> setReplicas(const ReplicaOptions& replicas, bool describedAsDistributed, Job& job) {
  const int32_t count = job.model.parallel.data;
  job.bucketBytes = replicas.bucketBytes.value_or(defaultBucketBytes(count));
  job.distributedOptimizer = count > 1 && (replicas.distributedOptimizer || describedAsDistributed);
  if (!job.distributedOptimizer || job.backend.abilities.distributedOptimizer) return {};
  return fail(ErrorCode::kUnsupported, "the {} backend has no distributed optimizer; leave it out",
              job.backend.abilities.backend);
}

Result<Job> finished(Job job) {
  CARACAL_TRY(schedule, plan::scheduleFromName(job.plan.schedule));
  if (schedule.kind == plan::ScheduleKind::kDualPipe) {
    return fail(ErrorCode::kUnsupported,
                "dualpipe holds every layer on two devices, and caracal-run on one; plan for "
                "another schedule, or look at this one with `caracal simulate`");
  }
  job.plan.profileHash = profile::hashOf(job.profile);
  CARACAL_CHECK_OK(plan::validate(job.profile, job.plan));
  CARACAL_TRY(program, plan::lower(job.profile, job.plan));
  job.program = std::move(program);
  CARACAL_TRY(table, OperatorTable::of(job.profile));
  job.table = std::move(table);
  return job;
}

// Products with weights have a backward in two parts, which backends can run apart. How long
// each takes is not asked of this profile, only that it exists.
void splitWeightGradients(std::vector<profile::Operator>& operators) {
  for (profile::Operator& op : operators) {
    const bool ofActivations = op.weightNs == 0;
    if (op.kind != profile::OperatorKind::kGemm || ofActivations) continue;
    op.backwardNs = 2;
    op.weightNs = 1;
  }
}

}  // namespace

Result<profile::Profile> structureHere(const profile::ModelDescription& model) {
  profile::Profile structure;
  structure.name = model.name;
  structure.model = model.shape;
  structure.parallel = model.parallel;
  CARACAL_TRY(layers, profile::structureWithWholeEnds(model));
  structure.kinds = {layers.kinds.front().kind};
  structure.layers = layers.layers;
  structure.first = layers.first.end;
  structure.last = layers.last.end;
  for (auto* operators : {&structure.kinds.front().operators, &structure.last.operators})
    splitWeightGradients(*operators);
  structure.sendBytes = structure.kinds.front().inputBytes;
  structure.hostLink.bytesPerSecond = 1e9;  // any speed: times of this profile are never read
  return structure;
}

Result<Job> jobFromPlan(const plan::PlanDocument& document, const BackendFacts& backend,
                        const ReplicaOptions& replicas) {
  Job job;
  job.backend = backend;
  job.model = descriptionOf(document, replicas);
  CARACAL_CHECK_OK(setReplicas(replicas, false, job));
  CARACAL_CHECK_OK(model::checkRunnable(job.model, backend.abilities));
  CARACAL_TRY(structure, structureHere(job.model));
  job.profile = std::move(structure);
  job.plan = document.plan;
  job.planHash = plan::hashOf(document.plan);
  job.profileHash = document.plan.profileHash;
  CARACAL_CHECK_OK(alignPlacements(document, job.profile.kinds.front(), job.plan));
  return finished(std::move(job));
}

Result<Job> jobFromModel(const profile::ModelDescription& model, std::string_view schedule,
                         const BackendFacts& backend, const ReplicaOptions& replicas) {
  Job job;
  job.backend = backend;
  job.model = asStoredHere(model, replicas);
  CARACAL_CHECK_OK(setReplicas(replicas, model.distributedOptimizer, job));
  CARACAL_CHECK_OK(model::checkRunnable(job.model, backend.abilities));
  CARACAL_TRY(structure, structureHere(job.model));
  job.profile = std::move(structure);
  CARACAL_TRY(keepAll, keepAllPlan(job.profile, schedule));
  job.plan = std::move(keepAll);
  job.planHash = plan::hashOf(job.plan);
  return finished(std::move(job));
}

model::HeldLayers layersOf(const Job& job, int32_t stage) {
  model::HeldLayers held;
  held.ofModel = job.model.shape.layers;
  for (const plan::HeldChunk& chunk : job.program.stages[static_cast<size_t>(stage)].chunks) {
    const plan::StagePlan& plan = job.plan.stages[static_cast<size_t>(chunk.chunk)];
    for (int32_t i = 0; i < plan.layerCount(); ++i) held.layers.push_back(plan.firstLayer + i);
  }
  model::Reductions& reductions = held.reductions;
  reductions.bucketParameters = job.bucketBytes / kBytesPerNumber;
  if (job.distributedOptimizer) reductions.stateShards = job.model.parallel.data;
  for (const plan::Item& item : job.program.stages[static_cast<size_t>(stage)].items) {
    if (item.action == plan::Action::kReduceStart) reductions.order.push_back(item.layer);
  }
  return held;
}

FixedMemory fixedMemoryOnCpu(const model::RankShape& shape, const model::HeldLayers& layers) {
  return {model::staticBytes(model::ParameterLayout(shape, layers), layers.reductions),
          model::Workspace::bytesFor(shape, layers.holdsLastEnd())};
}

StageMemory predictedMemory(const Job& job, int32_t stage) {
  const model::RankShape rank =
      model::rankShape(job.model.shape, job.model.parallel, 0, job.model.fusedAttention);
  const model::HeldLayers layers = layersOf(job, stage);
  StageMemory memory;
  const FixedMemory fixed = job.backend.fixedMemory(rank, layers);
  memory.staticBytes = fixed.staticBytes;
  memory.workspaceBytes = fixed.workspaceBytes;

  const plan::StageProgram& program = job.program.stages[static_cast<size_t>(stage)];
  const plan::ProfileGraphs graphs(job.profile);
  const plan::DeviceShape device = plan::deviceShape(job.profile, graphs, job.plan, program);
  const plan::TensorIndex indexOf(device);
  std::vector<int64_t> bytes(indexOf.size(job.model.parallel.microBatches));
  int64_t live = 0;
  for (const plan::Item& item : program.items) {
    if (item.chunk < 0) continue;  // the end of the step makes and releases nothing
    const plan::StageShape& shape = device.of(item);
    plan::forEachMade(shape, item, [&](const plan::TensorRef& ref) {
      live += bytes[indexOf(ref)] = plan::tensorBytes(shape, ref).live;
    });
    memory.activationBytes = std::max(memory.activationBytes, live);
    for (uint32_t i = item.releaseBegin; i < item.releaseEnd; ++i)
      live -= bytes[indexOf(program.releases[i])];
  }
  return memory;
}

}  // namespace caracal::executor
