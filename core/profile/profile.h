// Profile: what planning needs to know of one training job on one kind of hardware: the operators
// of each kind of layer with times, bytes and dependencies, the communication windows, links,
// memory, parallel sizes and schedule. Made from a recording, from a stage-level trace with a model
// description, or from a model description alone; each figure's origin is its tag.
//
// Times are int64 nanoseconds of one micro-batch on one rank; memory is int64 bytes per GPU.
// The document is "caracal.profile/1" (profile_json.h, resources/schema/profile.schema.json).
#pragma once

#include <cmath>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/trace/trace.h"

namespace caracal::profile {

using trace::Tag;

enum class OperatorKind : uint8_t { kGemm, kAttention, kElementwise, kNorm, kCollective, kView };
std::string_view name(
    OperatorKind kind);  // "gemm", "attention", "elementwise", "norm", "collective", "view"
std::optional<OperatorKind> operatorKindFromName(std::string_view text);

// One operator of a layer; the tensor it produces goes by the same id (contracts.md section 1).
struct Operator {
  std::string id;  // "qkv", "tp_attn", ...
  OperatorKind kind = OperatorKind::kElementwise;
  int64_t forwardNs = 0;    // a collective: its transfer part, without waiting for late ranks
  int64_t backwardNs = 0;   // a collective: 0; backward collectives are Windows of their own
  int64_t outputBytes = 0;  // held while the tensor is alive, also when nothing is saved
  int64_t savedBytes = 0;   // what backward needs of it; 0: backward does not read it
  std::vector<std::string> savedFor;  // ids of the operators whose backward reads it
  std::vector<std::string> inputs;  // ids of this layer's operators, or "input": the layer's input
  // The part of backwardNs that makes the weight gradient, for schedules that run it apart.
  // Absent: half of a GEMM's backward (both halves have the forward's FLOPs), none of others'.
  std::optional<int64_t> weightNs;
  bool operator==(const Operator&) const = default;

  int64_t weightGradientNs() const {
    return weightNs.value_or(kind == OperatorKind::kGemm ? backwardNs / 2 : 0);
  }

  bool needed() const { return savedBytes > 0; }
  // Bytes while retained from forward to backward: what backward needs, or, for a tensor that
  // backward does not read but a recomputation starts from, its output.
  int64_t retainedBytes() const { return needed() ? savedBytes : outputBytes; }
  // Bytes while alive after being computed or rebuilt.
  int64_t liveBytes() const { return outputBytes > savedBytes ? outputBytes : savedBytes; }
};

// A collective of a layer and how much of it leaves compute free.
struct Window {
  // "fwd.attn", "fwd.mlp", "bwd.mlp", "bwd.attn"; others ("fwd.dispatch") belong to the placements
  // that these end (plan::LayerGraph::hosts).
  std::string id;
  std::string after;       // forward: the collective operator itself; backward: the operator whose
                           // backward produces what is reduced ("fc1", "qkv")
  int64_t transferNs = 0;  // least duration over the ranks of the group
  int64_t overlappedNs = 0;  // part already filled by compute (weight-gradient GEMM, ...)
  int64_t bytes = 0;
  bool operator==(const Window&) const = default;
  bool ofBackward() const { return id.starts_with("bwd."); }
  // Gathers rows that a product read once more (sequence parallelism).
  bool gathersAgain() const { return id.starts_with("bwd.regather."); }
  int64_t capacityNs() const { return transferNs > overlappedNs ? transferNs - overlappedNs : 0; }
};

// A kind of layer: layers of one kind are interchangeable for planning.
struct LayerKind {
  std::string id;
  std::vector<Operator>
      operators;  // in forward order; the last one's output is the next layer's input
  std::vector<Window> windows;
  int64_t inputBytes = 0;        // the checkpoint: the layer's input for one micro-batch
  int64_t staticBytes = 0;       // parameters, gradients and optimizer state per GPU
  int64_t optimizerNs = 0;       // once per step
  int64_t gradientReduceNs = 0;  // data-parallel reduction, once per step; 0 when dp = 1
  bool operator==(const LayerKind&) const = default;

  int indexOf(const std::string& operatorId) const;         // -1: none
  const Window* window(const std::string& windowId) const;  // nullptr: none
  int64_t forwardNs() const;                                // operators and exposed collectives
  int64_t backwardNs() const;                               // likewise, without recomputation
};

// What the first and the last stage hold beside layers: embed; final_ln, head, loss.
struct ModelEnd {
  std::vector<Operator> operators;
  int64_t staticBytes = 0;
  int64_t optimizerNs = 0;
  int64_t gradientReduceNs = 0;
  bool operator==(const ModelEnd&) const = default;
  int64_t forwardNs() const;
  int64_t backwardNs() const;
  int64_t savedBytes() const;
};

struct ModelShape {
  int32_t layers = 0;
  int64_t hidden = 0;
  int64_t ffnHidden = 0;  // 0: 4 * hidden
  int64_t heads = 0;
  int64_t sequence = 0;
  int64_t vocabulary = 0;
  int64_t microBatchSize = 1;
  int64_t bytesPerElement = 2;  // of activations
  double dropout = 0.0;         // probability, every dropout of the layer
  bool operator==(const ModelShape&) const = default;
  int64_t ffn() const { return ffnHidden > 0 ? ffnHidden : 4 * hidden; }
};

struct ParallelShape {
  int32_t tensor = 1;
  int32_t pipeline = 1;
  int32_t data = 1;
  int32_t context = 1;  // ranks that share each sequence
  bool sequenceParallel = false;
  int32_t microBatches = 1;  // per step and data-parallel replica
  // Each layer's gradients are reduced as soon as they are complete, beside backward; otherwise all
  // at the end of the step.
  bool overlapGradientReduce = false;
  bool operator==(const ParallelShape&) const = default;
  int32_t ranks() const { return tensor * pipeline * context * data; }
  // Ranks that hold the same parameters and reduce their gradients.
  int32_t gradientReplicas() const { return context * data; }
  bool reducesInBackward() const { return overlapGradientReduce && gradientReplicas() > 1; }
};

// bytesPerSecond 0: unknown; a transfer of n bytes takes latencyNs + n / bytesPerSecond.
struct Link {
  int64_t latencyNs = 0;
  double bytesPerSecond = 0;
  // What leaves a device over its shared links at the same time shares one port's bandwidth fairly.
  bool shared = false;
  bool operator==(const Link&) const = default;
  // REQUIRES a known bandwidth.
  int64_t transferNs(double bytes) const {
    return latencyNs + std::llround(bytes / bytesPerSecond * 1e9);
  }
};

struct Memory {
  int64_t capacityBytes = 0;  // of the device; 0: unknown
  int64_t reserveBytes =
      0;  // stated reserve for fragmentation and libraries, counted in every peak
  int64_t workspaceBytes = 0;   // gradients in flight and scratch of the running operator
  int64_t hostBudgetBytes = 0;  // host memory for offloaded tensors of one GPU; 0: no limit known
  bool operator==(const Memory&) const = default;
};

// What the profile's own source showed of a stage: the baseline of the replay error.
struct ObservedStage {
  int32_t stage = 0;
  int32_t layerCount = 0;
  int64_t forwardNs = 0;   // median per micro-batch
  int64_t backwardNs = 0;  // median per micro-batch, recomputation included
  int64_t peakBytes = 0;   // 0: unknown
  bool operator==(const ObservedStage&) const = default;
};

struct Profile {
  std::string name;
  std::string source;              // the recording, trace or model file it was made from
  std::string hardware;            // "CPU (virtual clock)", "A100-SXM4-40GB", ...
  Tag tag = Tag::kEstimated;       // of the operator times
  Tag stageTag = Tag::kEstimated;  // of stage and link times; may be better than the operators'
  ModelShape model;
  ParallelShape parallel;
  std::string schedule = "1F1B";
  std::vector<LayerKind> kinds;
  std::vector<uint32_t> layers;  // kind of each layer of the whole model, first to last
  ModelEnd first;                // embed
  ModelEnd last;                 // final_ln, head, loss
  int64_t sendForwardNs = 0;     // one activation to the next stage
  int64_t sendBackwardNs = 0;    // one gradient to the previous stage
  int64_t sendBytes = 0;
  Link tensorLink, pipelineLink, dataLink;
  Link hostLink;       // device to host memory and back, each way; bandwidth 0: cannot offload
  double kappa = 1.0;  // an operator beside a collective takes kappa times as long
  double rho = 1.0;    // and the collective rho times; 1 when unknown
  Memory memory;
  std::vector<ObservedStage> observed;
  int64_t observedStepNs = 0;  // 0: not from a recording
  std::string observedPlan;    // name of the policy that ran, e.g. "none"
  bool operator==(const Profile&) const = default;

  const LayerKind& kindOf(int32_t layer) const { return kinds[layers[static_cast<size_t>(layer)]]; }
};

}  // namespace caracal::profile
