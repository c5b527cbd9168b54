#include "core/profile/calibration.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>

#include "core/analysis/step_model.h"
#include "core/profile/contention_samples.h"
#include "core/profile/model_structure.h"
#include "core/profile/profile_from_trace.h"

namespace caracal::profile {
namespace {

using trace::Trace;

// What one recording contributes.
struct Recorded {
  ModelDescription model;
  Profile profile;
  LayerStructure layer;  // what its operators compute and move
};

Result<Recorded> readRecording(const Trace& trace) {
  CARACAL_TRY(steps, analysis::buildStepModel(trace));
  CARACAL_TRY(profile, profileFromRecording(trace, steps));
  CARACAL_TRY(model, modelFromJson(trace.metaOr("model", "")));
  CARACAL_TRY(structure, structureOf(model));
  return Recorded{std::move(model), std::move(profile), std::move(structure.kinds.front())};
}

// Rates of one kind of work, in units per second.
struct Rates {
  double units = 0, seconds = 0, fastest = 0;

  void add(int64_t count, int64_t ns) {
    if (count <= 0 || ns <= 0) return;
    const double duration = static_cast<double>(ns) / 1e9;
    units += static_cast<double>(count);
    seconds += duration;
    fastest = std::max(fastest, static_cast<double>(count) / duration);
  }
  double share() const { return units / seconds / fastest; }
};

void fitRates(const Recorded& recorded, Hardware& hardware) {
  Rates products, streams;
  for (size_t i = 0; i < recorded.layer.costs.size(); ++i) {
    const Operator& op = recorded.profile.kinds.front().operators[i];
    const OperatorCost& cost = recorded.layer.costs[i];
    if (op.kind == OperatorKind::kCollective) continue;
    if (op.kind == OperatorKind::kGemm) {
      products.add(cost.forward.flops, op.forwardNs);
      products.add(cost.backward.flops, op.backwardNs);
    } else {
      streams.add(cost.forward.movedBytes, op.forwardNs);
      streams.add(cost.backward.movedBytes, op.backwardNs);
    }
  }
  hardware.matrixFlops = products.fastest;
  hardware.matrixEfficiency = products.share();
  hardware.memoryBytesPerSecond = streams.fastest;
  hardware.memoryEfficiency = streams.share();
}

// The shortest time that an operator takes in two recordings although it moves at least twice the
// bytes in one of them; 0 when there is none.
int64_t floorOf(const Recorded& a, const Recorded& b) {
  constexpr double kSameTime = 1.2;
  int64_t floorNs = 0;
  const auto& operatorsOfA = a.profile.kinds.front().operators;
  for (size_t i = 0; i < operatorsOfA.size(); ++i) {
    const int j = b.profile.kinds.front().indexOf(operatorsOfA[i].id);
    if (j < 0 || operatorsOfA[i].kind == OperatorKind::kCollective) continue;
    const auto at = static_cast<size_t>(j);
    const auto [less, more] =
        std::minmax(a.layer.costs[i].forward.movedBytes, b.layer.costs[at].forward.movedBytes);
    const auto [faster, slower] =
        std::minmax(operatorsOfA[i].forwardNs, b.profile.kinds.front().operators[at].forwardNs);
    if (more < 2 * less || static_cast<double>(slower) > kSameTime * static_cast<double>(faster))
      continue;
    floorNs = floorNs == 0 ? faster : std::min(floorNs, faster);
  }
  return floorNs;
}

// Transfers by the bytes that each member of a ring sends.
using Transfers = std::map<double, int64_t>;

// t = latency + bytes / bandwidth: least squares over several sizes; of one size the bandwidth,
// with the latency that the run was asked for.
Link fitted(const Transfers& transfers, const Link& asked) {
  if (transfers.empty()) return asked;
  Link link = asked;
  if (transfers.size() == 1) {
    const auto& [bytes, ns] = *transfers.begin();
    const int64_t movingNs = std::max<int64_t>(1, ns - asked.latencyNs);
    link.bytesPerSecond = bytes / static_cast<double>(movingNs) * 1e9;
    return link;
  }
  double meanBytes = 0, meanNs = 0, covariance = 0, variance = 0;
  const auto count = static_cast<double>(transfers.size());
  for (const auto& [bytes, ns] : transfers) {
    meanBytes += bytes / count;
    meanNs += static_cast<double>(ns) / count;
  }
  for (const auto& [bytes, ns] : transfers) {
    covariance += (bytes - meanBytes) * (static_cast<double>(ns) - meanNs);
    variance += (bytes - meanBytes) * (bytes - meanBytes);
  }
  const double nsPerByte = covariance / variance;
  if (nsPerByte <= 0) return asked;  // noise: larger transfers were not slower
  link.latencyNs = std::max<int64_t>(0, std::llround(meanNs - nsPerByte * meanBytes));
  link.bytesPerSecond = 1e9 / nsPerByte;
  return link;
}

// How often a ring moves (n - 1) / n of what a window reduces or gathers.
double ringRounds(const WindowCost& cost) {
  const auto moved = std::find_if(cost.transfers.begin(), cost.transfers.end(),
                                  [](const Transfer& transfer) { return transfer.ranks > 1; });
  return moved == cost.transfers.end() || moved->pattern == Pattern::kAllReduce ? 2 : 1;
}

void fitLinks(std::span<const Recorded> recordings, Hardware& hardware) {
  Transfers tensor, pipeline;
  for (const Recorded& recorded : recordings) {
    const auto ranks = static_cast<double>(recorded.profile.parallel.tensor);
    const std::vector<Window>& windows = recorded.profile.kinds.front().windows;
    for (size_t w = 0; w < windows.size(); ++w) {
      const Window& window = windows[w];
      const double rounds = ringRounds(recorded.layer.windows[w]);
      const double sent = rounds * (ranks - 1) / ranks * static_cast<double>(window.bytes);
      if (sent > 0 && window.transferNs > 0) tensor[sent] = window.transferNs;
    }
    const Profile& profile = recorded.profile;
    if (profile.sendBytes > 0 && profile.sendForwardNs > 0)
      pipeline[static_cast<double>(profile.sendBytes)] = profile.sendForwardNs;
  }
  const Profile& first = recordings.front().profile;
  hardware.tensorLink = fitted(tensor, first.tensorLink);
  hardware.pipelineLink = fitted(pipeline, first.pipelineLink);
  hardware.dataLink = first.dataLink;
}

int64_t memoryBytesOf(const Trace& trace, const Profile& profile) {
  const std::string text = trace.metaOr("memoryBytes", "");
  int64_t bytes = 0;
  std::from_chars(text.data(), text.data() + text.size(), bytes);
  for (const ObservedStage& stage : profile.observed) bytes = std::max(bytes, stage.peakBytes);
  return std::max<int64_t>(bytes, 1);
}

// The layer of the recorded model, timed with the constants.
Result<std::vector<FittedOperator>> fittedOperators(const Recorded& recorded,
                                                    const Hardware& hardware) {
  CARACAL_TRY(estimated, profileFromModel(recorded.model, hardware));
  std::vector<FittedOperator> operators;
  const auto& measured = recorded.profile.kinds.front().operators;
  for (size_t i = 0; i < measured.size(); ++i) {
    const Operator& fit = estimated.kinds.front().operators[i];
    if (fit.kind == OperatorKind::kCollective) continue;
    operators.push_back(
        {fit.id, measured[i].forwardNs + measured[i].backwardNs, fit.forwardNs + fit.backwardNs});
  }
  return operators;
}

double overall(const std::vector<SlowDown>& slowDowns) {
  double sum = 0, samples = 0;
  for (const SlowDown& slowDown : slowDowns) {
    sum += slowDown.factor * static_cast<double>(slowDown.samples);
    samples += static_cast<double>(slowDown.samples);
  }
  return samples == 0 ? 1.0 : std::max(1.0, sum / samples);
}

}  // namespace

Result<Calibration> calibrate(std::span<const std::shared_ptr<const Trace>> recordings) {
  Calibration result;
  std::vector<Recorded> recorded;
  ContentionSamples contention;
  for (const auto& trace : recordings) {
    CARACAL_TRY(read, readRecording(*trace));
    recorded.push_back(std::move(read));
    const std::string& hardware = recorded.front().profile.hardware;
    if (recorded.back().profile.hardware != hardware) {
      return fail(ErrorCode::kCannotAnswer,
                  "the recordings ran on different hardware ({} and {}); calibrate one at a time",
                  hardware, recorded.back().profile.hardware);
    }
    contention.add(*trace, recorded.back().profile.kinds.front());
    if (!result.source.empty()) result.source += ", ";
    result.source += trace->metaOr("runId", recorded.back().profile.source);
  }
  const Recorded& first = recorded.front();
  result.hardware.name = first.profile.hardware;
  result.hardware.gpusPerNode = std::max(1, first.profile.parallel.tensor);
  result.hardware.memoryBytes = memoryBytesOf(*recordings.front(), first.profile);
  fitRates(first, result.hardware);
  for (const Recorded& other : recorded)
    result.hardware.launchNs = std::max(result.hardware.launchNs, floorOf(first, other));
  if (!(result.hardware.matrixFlops > 0 && result.hardware.memoryBytesPerSecond > 0)) {
    return fail(ErrorCode::kCannotAnswer,
                "the recording holds no timed matrix products and no other operators; record a "
                "whole step");
  }
  fitLinks(recorded, result.hardware);
  result.operatorsBeside = contention.operatorsBeside();
  result.collectivesBeside = contention.collectivesBeside();
  result.hardware.kappa = overall(result.operatorsBeside);
  result.hardware.rho = overall(result.collectivesBeside);
  CARACAL_TRY(operators, fittedOperators(first, result.hardware));
  result.operators = std::move(operators);
  return result;
}

std::string toJson(const Calibration& calibration) {
  const Hardware& hardware = calibration.hardware;
  const auto link = [](const Link& l) {
    return nlohmann::ordered_json{{"latencyNs", l.latencyNs}, {"bytesPerSecond", l.bytesPerSecond}};
  };
  const std::string measured = "measured, run " + calibration.source;
  const nlohmann::ordered_json document{
      {"schema", kHardwareSchema},
      {"name", hardware.name},
      {"matrixFlops", hardware.matrixFlops},
      {"matrixEfficiency", hardware.matrixEfficiency},
      {"memoryBytesPerSecond", hardware.memoryBytesPerSecond},
      {"memoryEfficiency", hardware.memoryEfficiency},
      {"memoryBytes", hardware.memoryBytes},
      {"launchNs", hardware.launchNs},
      {"gpusPerNode", hardware.gpusPerNode},
      {"kappa", hardware.kappa},
      {"rho", hardware.rho},
      {"tensorLink", link(hardware.tensorLink)},
      {"pipelineLink", link(hardware.pipelineLink)},
      {"dataLink", link(hardware.dataLink)},
      {"sources",
       {{"matrixFlops", measured + ": the fastest matrix product of a layer"},
        {"matrixEfficiency", measured + ": all matrix products of a layer against the fastest"},
        {"memoryBytesPerSecond", measured + ": the fastest of a layer's other operators"},
        {"memoryEfficiency", measured + ": all of a layer's other operators against the fastest"},
        {"launchNs",
         measured +
             ": the shortest operator that takes as long at twice the size; 0: none was seen"},
        {"kappa", measured + ": operators beside collectives against the same ones alone"},
        {"rho", measured + ": collectives beside operators against the same ones alone"},
        {"tensorLink", measured + ": transfer parts of tensor-parallel collectives"},
        {"pipelineLink", measured + ": transfers between stages"},
        {"dataLink", "as the run was asked for"}}}};
  return document.dump(2) + "\n";
}

}  // namespace caracal::profile
