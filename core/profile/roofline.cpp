// Times of a GPT's operators on a device by its roofline: FLOPs at a reachable share of the matrix
// peak, bytes moved at a reachable share of the memory bandwidth, and a floor per launched kernel.
#include <algorithm>
#include <cmath>
#include <map>
#include <string>

#include "core/profile/model_description.h"
#include "core/profile/parameters.h"

namespace caracal::profile {
namespace {

constexpr double kNsPerSecond = 1e9;
constexpr int64_t kGradientBytes = 4;  // gradients are accumulated and reduced in fp32

int64_t roundNs(double seconds) {
  return std::llround(seconds * kNsPerSecond);
}

int64_t operatorNs(const Hardware& hardware, double flops, double bytes) {
  const double compute = flops / (hardware.matrixFlops * hardware.matrixEfficiency);
  const double memory = bytes / (hardware.memoryBytesPerSecond * hardware.memoryEfficiency);
  return std::max(roundNs(std::max(compute, memory)), hardware.launchNs);
}

int64_t transferNs(const Link& link, double bytes) {
  return link.latencyNs + roundNs(bytes / link.bytesPerSecond);
}

// A ring moves each byte 2(n-1)/n times: reduce-scatter, then all-gather.
int64_t ringAllReduceNs(const Link& link, int64_t bytes, int32_t ranks) {
  if (ranks == 1) return 0;
  const double share = 2.0 * (ranks - 1) / ranks;
  return transferNs(link, share * static_cast<double>(bytes));
}

// Forward FLOPs of a GEMM-like operator on one rank (Korthikanti et al., appendix A), 0 for others.
double forwardFlops(const ModelDescription& model, const std::string& id) {
  const ModelShape& shape = model.shape;
  const double t = model.parallel.tensor;
  const double s = static_cast<double>(shape.sequence);
  const double tokens = s * static_cast<double>(shape.microBatchSize);
  const double h = static_cast<double>(shape.hidden);
  const double f = static_cast<double>(shape.ffn());
  if (id == "qkv") return 6 * tokens * h * h / t;
  if (id == "scores" || id == "context") return 2 * tokens * s * h / t;
  if (id == "attn") return 2 * tokens * s * h / t;  // causal: half of the two products
  if (id == "proj") return 2 * tokens * h * h / t;
  if (id == "fc1" || id == "fc2") return 2 * tokens * h * f / t;
  if (id == "head") return 2 * tokens * h * static_cast<double>(vocabularyShard(model));
  return 0;
}

// Bytes of the weights that an operator reads.
double weightBytes(const ModelDescription& model, const std::string& id) {
  const double tokens = static_cast<double>(model.shape.sequence * model.shape.microBatchSize);
  const bool noWeights = id == "scores" || id == "context" || id == "attn";
  return noWeights ? 0
                   : forwardFlops(model, id) / (2 * tokens) *
                         static_cast<double>(model.shape.bytesPerElement);
}

// Sets the times of a chain of operators from what each reads and writes.
class Roofline {
 public:
  Roofline(const ModelDescription& model, const Hardware& hardware,
           const std::vector<Operator>& operators, int64_t inputBytes)
      : m_model(model), m_hardware(hardware), m_operators(operators) {
    m_outputBytes["input"] = inputBytes;
    for (const Operator& op : operators) m_outputBytes[op.id] = op.outputBytes;
  }

  int64_t forwardNs(const Operator& op) const {
    const double bytes =
        static_cast<double>(inputBytes(op) + std::max(op.outputBytes, op.savedBytes));
    return operatorNs(m_hardware, forwardFlops(m_model, op.id),
                      bytes + weightBytes(m_model, op.id));
  }

  int64_t backwardNs(const Operator& op) const {
    const double bytes = static_cast<double>(op.outputBytes + savedBytesRead(op) + inputBytes(op));
    if (op.kind == OperatorKind::kAttention) {
      // Five products where forward has two: the scores are computed again, tile by tile.
      return operatorNs(m_hardware, 2.5 * forwardFlops(m_model, op.id), bytes);
    }
    const double weights =
        2 * weightBytes(m_model, op.id);  // read for one gradient, written by the other
    return operatorNs(m_hardware, 2 * forwardFlops(m_model, op.id), bytes + weights);
  }

 private:
  int64_t inputBytes(const Operator& op) const {
    int64_t total = 0;
    for (const std::string& input : op.inputs) total += m_outputBytes.at(input);
    return total;
  }

  // What an operator's backward reads of saved tensors. Saved bytes beyond the output are for the
  // operator's own backward (a mask, a log-sum-exp); it reads the output too where that is all
  // there is, and in fused attention.
  int64_t savedBytesRead(const Operator& reader) const {
    const bool readsInput = reader.kind == OperatorKind::kNorm && reader.inputs.front() == "input";
    int64_t total = readsInput ? m_outputBytes.at("input") : 0;
    for (const Operator& op : m_operators) {
      if (std::find(op.savedFor.begin(), op.savedFor.end(), reader.id) == op.savedFor.end())
        continue;
      const bool onlyExtra = op.id == reader.id && op.savedBytes > op.outputBytes &&
                             op.kind != OperatorKind::kAttention;
      const bool onlyOutput = op.id != reader.id;
      total += onlyExtra    ? op.savedBytes - op.outputBytes
               : onlyOutput ? std::min(op.savedBytes, op.outputBytes)
                            : op.savedBytes;
    }
    return total;
  }

  const ModelDescription& m_model;
  const Hardware& m_hardware;
  const std::vector<Operator>& m_operators;
  std::map<std::string, int64_t> m_outputBytes;
};

void timeOperators(const ModelDescription& model, const Hardware& hardware, int64_t inputBytes,
                   std::vector<Operator>& operators) {
  const Roofline roofline(model, hardware, operators, inputBytes);
  for (Operator& op : operators) {
    if (op.kind == OperatorKind::kCollective) {
      op.forwardNs = ringAllReduceNs(hardware.tensorLink, op.outputBytes, model.parallel.tensor);
    } else {
      op.forwardNs = roofline.forwardNs(op);
      op.backwardNs = roofline.backwardNs(op);
    }
  }
}

void timeWindows(const ModelDescription& model, const Hardware& hardware, LayerKind& kind) {
  for (Window& window : kind.windows) {
    window.transferNs = ringAllReduceNs(hardware.tensorLink, window.bytes, model.parallel.tensor);
    if (!model.overlapsWeightGradients || !window.id.starts_with("bwd.")) continue;
    // Half of a GEMM's backward is its weight gradient, which does not wait for the reduction.
    const int64_t weightGradientNs =
        kind.operators[static_cast<size_t>(kind.indexOf(window.after))].backwardNs / 2;
    window.overlappedNs = std::min(window.transferNs, weightGradientNs);
  }
}

// Adam reads and writes parameters, moments and master copies once.
int64_t optimizerNs(const Hardware& hardware, int64_t staticBytes) {
  return operatorNs(hardware, 0, 2.0 * static_cast<double>(staticBytes));
}

int64_t gradientReduceNs(const ModelDescription& model, const Hardware& hardware,
                         int64_t parameters) {
  return ringAllReduceNs(hardware.dataLink, parameters * kGradientBytes, model.parallel.data);
}

// What the largest operator needs beside the tensors that are kept: the gradients it reads and
// writes.
int64_t workspaceBytes(const LayerKind& kind, const ModelEnd& last) {
  int64_t most = 0;
  for (const auto* operators : {&kind.operators, &last.operators}) {
    int64_t previous = kind.inputBytes;
    for (const Operator& op : *operators) {
      most = std::max(most, op.outputBytes + previous);
      previous = op.outputBytes;
    }
  }
  return most;
}

// Embedding and head work on a slice of the vocabulary: with more than one tensor rank embed's
// output and the gradient of the head's input are all-reduced, and nothing hides it.
void chargeEndCollectives(const ModelDescription& model, const Hardware& hardware,
                          Profile& profile) {
  const int64_t reduceNs =
      ringAllReduceNs(hardware.tensorLink, profile.kinds.front().inputBytes, model.parallel.tensor);
  profile.first.operators.front().forwardNs += reduceNs;
  for (Operator& op : profile.last.operators) {
    if (op.id == "head") op.backwardNs += reduceNs;
  }
}

void timeEnd(const ModelDescription& model, const Hardware& hardware, int64_t inputBytes,
             int64_t parameters, ModelEnd& end) {
  timeOperators(model, hardware, inputBytes, end.operators);
  end.optimizerNs = optimizerNs(hardware, end.staticBytes);
  end.gradientReduceNs = gradientReduceNs(model, hardware, parameters);
}

}  // namespace

Result<Profile> profileFromModel(const ModelDescription& model, const Hardware& hardware) {
  CARACAL_CHECK_OK(validate(model));
  Profile profile;
  profile.name = model.name;
  profile.source = "model description " + model.name;
  profile.hardware = hardware.name;
  profile.model = model.shape;
  profile.parallel = model.parallel;

  LayerKind kind = gptLayer(model);
  timeOperators(model, hardware, kind.inputBytes, kind.operators);
  timeWindows(model, hardware, kind);
  kind.optimizerNs = optimizerNs(hardware, kind.staticBytes);
  kind.gradientReduceNs = gradientReduceNs(model, hardware, layerParameters(model));

  profile.first = gptFirst(model);
  timeEnd(model, hardware, 0, firstParameters(model), profile.first);
  profile.last = gptLast(model);
  timeEnd(model, hardware, kind.inputBytes, lastParameters(model), profile.last);

  if (model.parallel.pipeline > 1) {
    profile.sendBytes = kind.inputBytes;
    profile.sendForwardNs = transferNs(hardware.pipelineLink, static_cast<double>(kind.inputBytes));
    profile.sendBackwardNs = profile.sendForwardNs;
  }
  profile.tensorLink = hardware.tensorLink;
  profile.pipelineLink = hardware.pipelineLink;
  profile.dataLink = hardware.dataLink;
  profile.memory = {hardware.memoryBytes, model.reserveBytes, workspaceBytes(kind, profile.last)};
  profile.layers.assign(static_cast<size_t>(model.shape.layers), 0);
  profile.kinds.push_back(std::move(kind));
  chargeEndCollectives(model, hardware, profile);
  return profile;
}

}  // namespace caracal::profile
