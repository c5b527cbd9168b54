#include "core/sim/what_if.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "core/base/prefixes.h"

namespace caracal::sim {
namespace {

using profile::LayerKind;
using profile::ModelEnd;
using profile::Operator;
using profile::OperatorKind;
using profile::Profile;

// Of the 18 bytes a parameter takes with bf16 weights, fp32 gradients and Adam: both moments, one
// moment, moments and fp32 weights, and what a norm of weights and updates reads again.
constexpr double kStaticBytes = 18;
constexpr double kMomentsBytes = 8;
constexpr double kOptimizerStateBytes = 12;
constexpr double kNormBytes = 8;

constexpr double kNsPerSecond = 1e9;

int64_t scaled(int64_t value, double factor) {
  return std::llround(static_cast<double>(value) * factor);
}

// The part of a transfer beyond the link's latency scales with its bytes.
int64_t scaledTransfer(int64_t ns, const profile::Link& link, double factor, int64_t messages = 1) {
  const int64_t latencyNs = std::min(ns, link.latencyNs);
  return messages * latencyNs + scaled(ns - latencyNs, factor);
}

template <class Change>
void forEachKind(Profile& profile, Change change) {
  for (LayerKind& kind : profile.kinds) change(kind);
}

// Layer kinds and both ends: everything with parameters.
template <class Change>
void forEachPart(Profile& profile, Change change) {
  forEachKind(profile, change);
  change(profile.first);
  change(profile.last);
}

void scaleOperator(Operator& op, double factor) {
  op.forwardNs = scaled(op.forwardNs, factor);
  const int64_t weightNs = op.weightGradientNs();
  op.backwardNs = scaled(op.backwardNs, factor);
  op.weightNs = std::min(op.backwardNs, scaled(weightNs, factor));
}

// An all-reduce of N bytes moves 2 N (t - 1) / t over a rank's link; the all-to-alls of q, k, v and
// the output move N (t - 1) / t^2 each, and the MLP moves nothing. With sequence parallelism a
// reduce-scatter and an all-gather stand for each all-reduce and share its all-to-alls.
void ulysses(const WhatIf&, Profile& profile) {
  const double ranks = profile.parallel.tensor;
  const int64_t messages = profile.parallel.sequenceParallel ? 2 : 4;
  if (ranks == 1) return;
  const auto changed = [&](int64_t ns, std::string_view id) {
    return id.ends_with("attn") ? scaledTransfer(ns, profile.tensorLink, 2 / ranks, messages) : 0;
  };
  forEachKind(profile, [&](LayerKind& kind) {
    for (Operator& op : kind.operators) {
      if (op.kind == OperatorKind::kCollective && startsWithOneOf(op.id, {"tp_", "rs_", "ag_"}))
        op.forwardNs = changed(op.forwardNs, op.id);
    }
    for (profile::Window& window : kind.windows) {
      const auto after = static_cast<size_t>(kind.indexOf(window.after));
      if (window.id.starts_with("fwd.")) window.transferNs = kind.operators[after].forwardNs;
      if (startsWithOneOf(window.id, {"bwd.attn", "bwd.mlp", "bwd.regather."}))
        window.transferNs = changed(window.transferNs, window.id);
    }
  });
}

void compressedGradients(const WhatIf& whatIf, Profile& profile) {
  forEachPart(profile, [&](auto& part) {
    part.gradientReduceNs = scaledTransfer(part.gradientReduceNs, profile.dataLink, whatIf.value);
  });
}

void lowRankOptimizer(const WhatIf& whatIf, Profile& profile) {
  forEachPart(profile, [&](auto& part) {
    part.staticBytes -= scaled(part.staticBytes, whatIf.value * kMomentsBytes / kStaticBytes);
  });
}

void lamb(const WhatIf& whatIf, Profile& profile) {
  profile.parallel.microBatches =
      static_cast<int32_t>(scaled(profile.parallel.microBatches, std::round(whatIf.value)));
  forEachPart(profile, [&](auto& part) {
    part.optimizerNs += scaled(part.optimizerNs, kNormBytes / (2 * kStaticBytes));
  });
}

void layerDropping(const WhatIf& whatIf, Profile& profile) {
  const double kept = 1 - whatIf.value;
  forEachKind(profile, [&](LayerKind& kind) {
    for (Operator& op : kind.operators) scaleOperator(op, kept);
    for (profile::Window& window : kind.windows) {
      window.transferNs = scaled(window.transferNs, kept);
      window.overlappedNs = scaled(window.overlappedNs, kept);
    }
  });
}

void ssdOffload(const WhatIf& whatIf, Profile& profile) {
  forEachPart(profile, [&](auto& part) {
    const int64_t moved = scaled(part.staticBytes, kOptimizerStateBytes / kStaticBytes);
    part.staticBytes -= moved;
    part.optimizerNs += scaled(2 * moved, kNsPerSecond / (whatIf.value * 1e9));
  });
}

bool readByGemmsOnly(const std::vector<Operator>& operators, const Operator& op) {
  return std::all_of(op.savedFor.begin(), op.savedFor.end(), [&](const std::string& reader) {
    return std::any_of(operators.begin(), operators.end(), [&](const Operator& other) {
      return other.id == reader && other.kind == OperatorKind::kGemm;
    });
  });
}

void eightBit(const WhatIf& whatIf, Profile& profile) {
  forEachPart(profile, [&](auto& part) {
    for (Operator& op : part.operators) {
      if (op.kind == OperatorKind::kGemm) scaleOperator(op, 1 / whatIf.value);
      if (op.needed() && readByGemmsOnly(part.operators, op))
        op.savedBytes = std::max<int64_t>(1, op.savedBytes / 2);
    }
  });
}

void overlapGradients(const WhatIf&, Profile& profile) {
  profile.parallel.overlapGradientReduce = true;
}

void nothing(const WhatIf&, Profile&) {}

struct Entry {
  WhatIfInfo info;
  void (*change)(const WhatIf&, Profile&);
};

const std::vector<Entry>& entries() {
  static const std::vector<Entry> table{
      {{"ulysses", 0, 0, 0, "",
        "All-to-alls of queries, keys, values and attention output in place of tensor-parallel "
        "collectives: 2/t of the bytes after attention, none after the MLP. Weights are whole on "
        "every rank or gathered by ZeRO; neither is charged.",
        "DeepSpeed-Ulysses, arXiv 2309.14509, section 3.2"},
       ulysses},
      {{"compressed-gradients", 0.1, 0.001, 1, "bytes sent, as a part of all",
        "The data-parallel reduction moves a part of its bytes. Compressing and the error buffer "
        "are not charged.",
        "EControl, arXiv 2311.05645"},
       compressedGradients},
      {{"overlap-gradients", 0, 0, 0, "",
        "Each layer's gradients are reduced as soon as the last micro-batch's backward has made "
        "them, beside what is left of backward. That this slows backward is not charged.",
        "PyTorch DDP, arXiv 2006.15704; Megatron-LM --overlap-grad-reduce"},
       overlapGradients},
      {{"low-rank-optimizer", 0.338, 0, 1, "part of Adam's moments that is saved",
        "Adam's second moment as low-rank factors: 33.8 % of both moments (8 of 18 bytes a "
        "parameter) is the least that was published. Factorising is not charged.",
        "Adapprox, arXiv 2403.14958"},
       lowRankOptimizer},
      {{"lamb", 2, 1, 64, "times as many micro-batches a step",
        "More micro-batches between updates, and an optimizer that reads weights and updates once "
        "more for their norms (8 bytes beside the 36 that Adam reads and writes).",
        "LAMB, arXiv 1904.00962"},
       lamb},
      {{"layer-dropping", 0.24, 0, 0.9, "part of the layers skipped, on average",
        "Every layer takes its time less often; embedding, head, memory and transfers between "
        "stages stay. 24 % is the published mean.",
        "Progressive Layer Dropping, arXiv 2010.13369"},
       layerDropping},
      {{"delayed-gradients", 0, 0, 0, "",
        "Stages take gradients of an earlier step, so that none waits for another: the step loses "
        "the bubble that its busiest stage has. The activations of delayed steps are not counted.",
        "Ouroboros, arXiv 1909.06695"},
       nothing},
      {{"ssd-offload", 3, 0.1, 100, "GB/s to and from the drive, for each GPU",
        "Moments and fp32 weights (12 of 18 bytes a parameter) live on a drive and are read and "
        "written once a step, beside nothing else.",
        "MemAscend, arXiv 2505.23254, and ZeRO-Infinity, arXiv 2104.07857"},
       ssdOffload},
      {{"8-bit", 2, 1, 4, "times the speed of GEMMs",
        "8-bit operands with chunked accumulation: faster GEMMs, and tensors that only GEMMs read "
        "are saved in half the bytes.",
        "Wang et al., arXiv 1812.08011"},
       eightBit},
  };
  return table;
}

const Entry& entryOf(const WhatIf& whatIf) {
  return *std::find_if(entries().begin(), entries().end(),
                       [&](const Entry& entry) { return entry.info.name == whatIf.info->name; });
}

bool takesValue(const WhatIfInfo& info) {
  return info.high > info.low;
}

}  // namespace

const std::vector<WhatIfInfo>& whatIfs() {
  static const std::vector<WhatIfInfo> infos = [] {
    std::vector<WhatIfInfo> list;
    for (const Entry& entry : entries()) list.push_back(entry.info);
    return list;
  }();
  return infos;
}

Result<WhatIf> whatIfFromText(std::string_view text) {
  const size_t equals = std::min(text.find('='), text.size());
  const std::string_view name = text.substr(0, equals);
  const auto& known = whatIfs();
  const auto info =
      std::find_if(known.begin(), known.end(), [&](const WhatIfInfo& i) { return i.name == name; });
  if (info == known.end()) {
    std::vector<std::string_view> names;
    for (const WhatIfInfo& entry : known) names.push_back(entry.name);
    return fail(ErrorCode::kInvalidInput, "there is no what-if \"{}\"; choose {}", name,
                fmt::join(names, ", "));
  }
  WhatIf whatIf{&*info, info->value};
  if (equals == text.size()) return whatIf;
  if (!takesValue(*info))
    return fail(ErrorCode::kInvalidInput, "what-if \"{}\" takes no value", name);
  const std::string_view digits = text.substr(equals + 1);
  const auto [end, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), whatIf.value);
  const bool read = error == std::errc{} && end == digits.data() + digits.size();
  if (!read || !(whatIf.value >= info->low && whatIf.value <= info->high)) {
    return fail(ErrorCode::kInvalidInput, "\"{}\" must be {} to {} ({}), not \"{}\"", name,
                info->low, info->high, info->meaning, digits);
  }
  return whatIf;
}

Profile applied(const WhatIf& whatIf, Profile profile) {
  entryOf(whatIf).change(whatIf, profile);
  profile.tag = profile.stageTag = profile::Tag::kEstimated;
  return profile;
}

SimResult applied(const WhatIf& whatIf, SimResult result) {
  if (whatIf.info->name != "delayed-gradients" || result.stages.empty()) return result;
  int64_t leastNs = result.stages.front().bubbleNs;
  for (const StageResult& stage : result.stages) leastNs = std::min(leastNs, stage.bubbleNs);
  result.zbBubbleRate = 0;  // of the busiest stage, which waits for nobody any more
  result.stepNs -= leastNs;
  result.pipelineNs -= leastNs;
  double bubbles = 0;
  for (StageResult& stage : result.stages) {
    stage.bubbleNs -= leastNs;
    bubbles += static_cast<double>(stage.bubbleNs);
  }
  const auto stages = static_cast<double>(result.stages.size());
  result.bubblePct =
      result.pipelineNs > 0 ? 100 * bubbles / stages / static_cast<double>(result.pipelineNs) : 0;
  return result;
}

}  // namespace caracal::sim
