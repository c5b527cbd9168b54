// Times of a model's operators on a device by its roofline: FLOPs at a reachable share of the
// matrix peak, bytes moved at a reachable share of the memory bandwidth, and a floor per launched
// kernel.
#include <algorithm>
#include <cmath>

#include "core/profile/model_description.h"
#include "core/profile/model_structure.h"
#include "core/profile/parameters.h"

namespace caracal::profile {
namespace {

constexpr double kNsPerSecond = 1e9;
constexpr double kGradientBytes = 4;  // gradients are accumulated and reduced in fp32
constexpr double kWeightBytes = 2;

int64_t roundNs(double seconds) {
  return std::llround(seconds * kNsPerSecond);
}

int64_t operatorNs(const Hardware& hardware, double flops, double bytes) {
  const double compute = flops / (hardware.matrixFlops * hardware.matrixEfficiency);
  const double memory = bytes / (hardware.memoryBytesPerSecond * hardware.memoryEfficiency);
  return std::max(roundNs(std::max(compute, memory)), hardware.launchNs);
}

// A ring moves each byte (n-1)/n times to gather or to reduce and scatter, and twice that to do
// both. All-to-all keeps one share of n at home.
int64_t transferNs(const Hardware& hardware, const Transfer& transfer) {
  if (transfer.ranks <= 1) return 0;
  const Link& link =
      transfer.ranks <= hardware.gpusPerNode ? hardware.tensorLink : hardware.dataLink;
  const double rounds = transfer.pattern == Pattern::kAllReduce ? 2.0 : 1.0;
  const auto ranks = static_cast<double>(transfer.ranks);
  return link.transferNs(rounds * (ranks - 1) / ranks * static_cast<double>(transfer.bytes));
}

int64_t transfersNs(const Hardware& hardware, const std::vector<Transfer>& transfers) {
  int64_t total = 0;
  for (const Transfer& transfer : transfers) total += transferNs(hardware, transfer);
  return total;
}

int64_t passNs(const Hardware& hardware, const PassCost& cost) {
  return operatorNs(hardware, static_cast<double>(cost.flops),
                    static_cast<double>(cost.movedBytes)) +
         transfersNs(hardware, cost.transfers);
}

void timeOperators(const Hardware& hardware, const std::vector<OperatorCost>& costs,
                   std::vector<Operator>& operators) {
  for (size_t i = 0; i < operators.size(); ++i) {
    Operator& op = operators[i];
    if (op.kind == OperatorKind::kCollective) {
      op.forwardNs = transfersNs(hardware, costs[i].forward.transfers);
    } else {
      op.forwardNs = passNs(hardware, costs[i].forward);
      op.backwardNs = passNs(hardware, costs[i].backward);
    }
  }
}

void timeWindows(const ModelDescription& model, const Hardware& hardware, LayerStructure& layer) {
  for (size_t i = 0; i < layer.windows.size(); ++i) {
    Window& window = layer.kind.windows[i];
    window.transferNs = transfersNs(hardware, layer.windows[i].transfers);
    if (!model.overlapsWeightGradients) continue;
    // Half of a GEMM's backward is its weight gradient, which does not wait for the reduction.
    int64_t besideNs = 0;
    for (const int op : layer.windows[i].beside)
      besideNs += layer.kind.operators[static_cast<size_t>(op)].backwardNs / 2;
    window.overlappedNs = std::min(window.transferNs, besideNs);
  }
}

// Adam reads and writes parameters, moments and master copies once.
int64_t optimizerNs(const Hardware& hardware, int64_t staticBytes) {
  return operatorNs(hardware, 0, 2.0 * static_cast<double>(staticBytes));
}

// fp32 gradients are all-reduced; with a distributed optimizer reduced and scattered, and the new
// 16-bit weights gathered.
int64_t reduceNs(const ModelDescription& model, const Hardware& hardware, int64_t parameters,
                 int64_t replicas) {
  if (replicas <= 1 || parameters == 0) return 0;
  const double rounds =
      model.distributedOptimizer ? kGradientBytes + kWeightBytes : 2 * kGradientBytes;
  const auto ranks = static_cast<double>(replicas);
  return hardware.dataLink.transferNs(rounds * (ranks - 1) / ranks *
                                      static_cast<double>(parameters));
}

int64_t gradientReduceNs(const ModelDescription& model, const Hardware& hardware,
                         const ParameterCount& parameters) {
  return reduceNs(model, hardware, parameters.shared, replicasOfShared(model)) +
         reduceNs(model, hardware, parameters.experts, replicasOfExperts(model));
}

// What the largest operator needs beside the tensors that are kept: the gradients it reads and
// writes.
int64_t workspaceBytes(const std::vector<Operator>& operators, int64_t inputBytes) {
  int64_t most = 0;
  int64_t previous = inputBytes;
  for (const Operator& op : operators) {
    most = std::max(most, op.outputBytes + previous);
    previous = op.outputBytes;
  }
  return most;
}

template <class Structure, class Timed>
void timeOnce(const ModelDescription& model, const Hardware& hardware, const Structure& structure,
              Timed& timed) {
  timed.optimizerNs = optimizerNs(hardware, timed.staticBytes);
  timed.gradientReduceNs = gradientReduceNs(model, hardware, structure.parameters);
}

ModelEnd timedEnd(const ModelDescription& model, const Hardware& hardware, EndStructure structure) {
  timeOperators(hardware, structure.costs, structure.end.operators);
  timeOnce(model, hardware, structure, structure.end);
  return std::move(structure.end);
}

LayerKind timedKind(const ModelDescription& model, const Hardware& hardware,
                    LayerStructure structure) {
  timeOperators(hardware, structure.costs, structure.kind.operators);
  timeWindows(model, hardware, structure);
  timeOnce(model, hardware, structure, structure.kind);
  return std::move(structure.kind);
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

  CARACAL_TRY(structure, structureOf(model));
  profile.layers = structure.layers;
  profile.first = timedEnd(model, hardware, std::move(structure.first));
  profile.last = timedEnd(model, hardware, std::move(structure.last));
  for (LayerStructure& layer : structure.kinds)
    profile.kinds.push_back(timedKind(model, hardware, std::move(layer)));

  const int64_t streamBytes = profile.kinds.front().inputBytes;
  if (model.parallel.pipeline > 1) {
    profile.sendBytes = streamBytes;
    profile.sendForwardNs = hardware.pipelineLink.transferNs(static_cast<double>(streamBytes));
    profile.sendBackwardNs = profile.sendForwardNs;
  }
  profile.tensorLink = hardware.tensorLink;
  profile.pipelineLink = hardware.pipelineLink;
  profile.dataLink = hardware.dataLink;
  profile.hostLink = hardware.hostLink;
  profile.kappa = hardware.kappa;
  profile.rho = hardware.rho;
  int64_t workspace = workspaceBytes(profile.last.operators, streamBytes);
  for (const LayerKind& kind : profile.kinds)
    workspace = std::max(workspace, workspaceBytes(kind.operators, streamBytes));
  profile.memory = {hardware.memoryBytes, model.reserveBytes, workspace};
  return profile;
}

}  // namespace caracal::profile
