#include "core/profile/limits.h"

#include <utility>

namespace caracal::profile {
namespace {

tl::unexpected<Error> invalid(std::string where, std::string message) {
  return tl::unexpected(Error{ErrorCode::kInvalidInput, std::move(message), std::move(where)});
}

Result<void> checkTimes(std::initializer_list<int64_t> times, const std::string& where) {
  for (const int64_t ns : times) {
    if (ns < 0) return invalid(where, "times must not be negative");
    if (ns > kMostNs)
      return invalid(where,
                     fmt::format("a time of {} ns is more than an hour ({} ns)", ns, kMostNs));
  }
  return {};
}

Result<void> checkBytes(std::initializer_list<int64_t> sizes, const std::string& where) {
  for (const int64_t bytes : sizes) {
    if (bytes < 0) return invalid(where, "bytes must not be negative");
    if (bytes > kMostBytes)
      return invalid(where, fmt::format("{} bytes are more than 2^50 ({})", bytes, kMostBytes));
  }
  return {};
}

Result<void> checkCount(size_t count, size_t most, const char* what, const std::string& where) {
  if (count <= most) return {};
  return invalid(
      where, fmt::format("{} {} are more than the {} that can be planned for", count, what, most));
}

Result<void> checkOperators(const std::vector<Operator>& operators, const std::string& where) {
  CARACAL_CHECK_OK(checkCount(operators.size(), kMostOperators, "operators", where));
  for (const Operator& op : operators) {
    const std::string place = where + "." + op.id;
    CARACAL_CHECK_OK(checkTimes({op.forwardNs, op.backwardNs}, place));
    CARACAL_CHECK_OK(checkBytes({op.outputBytes, op.savedBytes}, place));
  }
  return {};
}

Result<void> checkEnd(const ModelEnd& end, const std::string& where) {
  CARACAL_CHECK_OK(checkTimes({end.optimizerNs, end.gradientReduceNs}, where));
  CARACAL_CHECK_OK(checkBytes({end.staticBytes}, where));
  return checkOperators(end.operators, where);
}

Result<void> checkLink(const Link& link, const std::string& where) {
  CARACAL_CHECK_OK(checkTimes({link.latencyNs}, where));
  if (link.bytesPerSecond == 0 || link.bytesPerSecond >= kLeastBytesPerSecond) return {};
  return invalid(where, fmt::format("{} bytes per second are less than {}; 0 means unknown",
                                    link.bytesPerSecond, kLeastBytesPerSecond));
}

Result<void> checkLinks(const Profile& profile) {
  CARACAL_CHECK_OK(checkLink(profile.tensorLink, "links.tensor"));
  CARACAL_CHECK_OK(checkLink(profile.pipelineLink, "links.pipeline"));
  CARACAL_CHECK_OK(checkLink(profile.dataLink, "links.data"));
  CARACAL_CHECK_OK(checkLink(profile.hostLink, "links.host"));
  if (!profile.tensorLink.shared && !profile.hostLink.shared) return {};
  return invalid(profile.tensorLink.shared ? "links.tensor" : "links.host",
                 "only the pipeline and data links can be shared");
}

Result<void> checkParallel(const Profile& profile) {
  const ParallelShape& parallel = profile.parallel;
  const double ranks = 1.0 * parallel.tensor * parallel.pipeline * parallel.context * parallel.data;
  if (ranks > static_cast<double>(kMostRanks))
    return invalid("parallel", fmt::format("{} ranks are more than {}", ranks, kMostRanks));
  CARACAL_CHECK_OK(checkCount(static_cast<size_t>(parallel.microBatches), kMostMicroBatches,
                              "micro-batches", "parallel.microBatches"));
  return checkCount(profile.layers.size(), kMostLayers, "layers", "layers");
}

// What one micro-batch takes and leaves, and what a step does once, of a layer or model end.
struct Totals {
  double passNs = 0, stepNs = 0, passBytes = 0, stepBytes = 0;

  template <class Part>
  void add(const Part& part, double times) {
    stepNs += times * static_cast<double>(part.optimizerNs + part.gradientReduceNs);
    stepBytes += times * static_cast<double>(part.staticBytes);
    for (const Operator& op : part.operators) {
      // Forward, again, and backward; a rebuilt tensor beside the first.
      passNs +=
          times * (2.0 * static_cast<double>(op.forwardNs) + static_cast<double>(op.backwardNs));
      passBytes += 2 * times * static_cast<double>(op.outputBytes + op.savedBytes);
    }
  }
  void add(const LayerKind& kind, double times) {
    add<LayerKind>(kind, times);
    for (const Window& window : kind.windows)
      passNs += times * static_cast<double>(window.transferNs);
    passBytes += times * static_cast<double>(kind.inputBytes);
  }
};

Result<void> checkTotals(const Profile& profile) {
  Totals totals;
  std::vector<double> layersOf(profile.kinds.size(), 0);
  for (const uint32_t kind : profile.layers) layersOf[kind] += 1;
  for (size_t kind = 0; kind < profile.kinds.size(); ++kind)
    totals.add(profile.kinds[kind], layersOf[kind]);
  totals.add(profile.first, 1);
  totals.add(profile.last, 1);
  const double microBatches = profile.parallel.microBatches;
  const double sendNs = static_cast<double>(profile.sendForwardNs + profile.sendBackwardNs);
  const double copies = profile.hostLink.bytesPerSecond > 0
                            ? totals.passBytes / profile.hostLink.bytesPerSecond * 1e9
                            : 0;
  const double ns =
      totals.stepNs + microBatches * (totals.passNs + copies + sendNs * profile.parallel.pipeline);
  if (ns > kMostStepNs)
    return invalid(
        "kinds", fmt::format("all work of a step takes {:.3g} ns, which is more than a year", ns));
  const double bytes = totals.stepBytes + microBatches * totals.passBytes;
  if (bytes > kMostStepBytes)
    return invalid(
        "kinds",
        fmt::format("all tensors of a step take {:.3g} bytes, which is more than 2^60", bytes));
  return {};
}

}  // namespace

Result<void> checkLimits(const LayerKind& kind, const std::string& where) {
  CARACAL_CHECK_OK(checkTimes({kind.optimizerNs, kind.gradientReduceNs}, where));
  CARACAL_CHECK_OK(checkBytes({kind.inputBytes, kind.staticBytes}, where));
  CARACAL_CHECK_OK(checkCount(kind.windows.size(), kMostWindows, "windows", where));
  for (const Window& window : kind.windows) {
    const std::string place = where + ".windows." + window.id;
    CARACAL_CHECK_OK(checkTimes({window.transferNs, window.overlappedNs}, place));
    CARACAL_CHECK_OK(checkBytes({window.bytes}, place));
  }
  return checkOperators(kind.operators, where);
}

Result<void> checkLimits(const Profile& profile) {
  CARACAL_CHECK_OK(checkEnd(profile.first, "first"));
  CARACAL_CHECK_OK(checkEnd(profile.last, "last"));
  CARACAL_CHECK_OK(checkTimes({profile.sendForwardNs, profile.sendBackwardNs}, "send"));
  CARACAL_CHECK_OK(checkBytes({profile.sendBytes}, "send"));
  const Memory& memory = profile.memory;
  CARACAL_CHECK_OK(checkBytes(
      {memory.capacityBytes, memory.reserveBytes, memory.workspaceBytes, memory.hostBudgetBytes},
      "memory"));
  CARACAL_CHECK_OK(checkLinks(profile));
  CARACAL_CHECK_OK(checkParallel(profile));
  if (!(profile.kappa >= 1.0 && profile.kappa <= kMostSlowdown) ||
      !(profile.rho >= 1.0 && profile.rho <= kMostSlowdown)) {
    return invalid("contention", fmt::format("kappa and rho are slow-downs: at least 1, at most {}",
                                             kMostSlowdown));
  }
  return checkTotals(profile);
}

}  // namespace caracal::profile
