#include "core/profile/kernel_layers.h"

#include <algorithm>
#include <iterator>
#include <numeric>

#include "core/base/statistics.h"
#include "core/profile/layer_stretches.h"
#include "core/profile/pass_work.h"

namespace caracal::profile {
namespace {

using trace::Pass;
using trace::Trace;

constexpr double kLeastRepeated = 0.7;  // of a forward layer's kernels, to be its recomputation

// One pass: its kernels and where layers lie among them.
struct Layers {
  std::vector<Work> works;
  std::vector<Stretch> stretches;
};

// Indices of the computation kernels of a layer.
std::vector<size_t> computationOf(const Layers& layers, const Stretch& layer) {
  std::vector<size_t> indices;
  for (size_t i = layer.begin; i < layer.end; ++i) {
    if (!layers.works[i].collective) indices.push_back(i);
  }
  return indices;
}

// The kernels of a backward layer that repeat the forward layer: the longest run of the same
// kernels, if it is most of that layer. Layers follow one another, so both are read round.
std::vector<size_t> recomputedOf(const Layers& forward, const Layers& backward,
                                 const Stretch& layer) {
  const std::vector<size_t> f = computationOf(forward, forward.stretches.front());
  const std::vector<size_t> b = computationOf(backward, layer);
  const auto same = [&](size_t i, size_t j) {
    return forward.works[f[i % f.size()]].symbol == backward.works[b[j % b.size()]].symbol;
  };
  size_t longest = 0;
  size_t begin = 0;
  for (size_t j = 0; j < b.size(); ++j) {
    for (size_t i = 0; i < f.size(); ++i) {
      size_t length = 0;
      while (length < std::min(f.size(), b.size()) && same(i + length, j + length)) ++length;
      if (length > longest) {
        longest = length;
        begin = j;
      }
    }
  }
  std::vector<size_t> recomputed;
  // All of the backward layer would be no backward at all.
  if (static_cast<double>(longest) < kLeastRepeated * static_cast<double>(f.size()) ||
      longest == b.size())
    return recomputed;
  for (size_t k = 0; k < longest; ++k) recomputed.push_back(b[(begin + k) % b.size()]);
  return recomputed;
}

// What the collectives of layers take and carry, by their place in a layer; of the layers with the
// usual number of them.
void addCollectives(const Layers& layers, PassLayers& pass) {
  std::vector<std::vector<Work>> ofLayer;
  std::vector<int64_t> counts;
  for (const Stretch& layer : layers.stretches) {
    std::vector<Work>& own = ofLayer.emplace_back();
    std::copy_if(layers.works.begin() + static_cast<std::ptrdiff_t>(layer.begin),
                 layers.works.begin() + static_cast<std::ptrdiff_t>(layer.end),
                 std::back_inserter(own), [](const Work& work) { return work.collective; });
    counts.push_back(static_cast<int64_t>(own.size()));
  }
  const auto usual = static_cast<size_t>(median(counts));
  for (size_t place = 0; place < usual; ++place) {
    std::vector<int64_t> ns, bytes;
    for (const std::vector<Work>& own : ofLayer) {
      if (own.size() != usual) continue;
      ns.push_back(own[place].ns);
      bytes.push_back(own[place].bytes);
    }
    pass.collectiveNs.push_back(median(std::move(ns)));
    pass.collectiveBytes.push_back(median(std::move(bytes)));
  }
}

// Of the first layer; -1 where a product's shapes were not recorded.
int64_t productBytesOf(const Layers& layers) {
  int64_t sum = 0;
  const Stretch& layer = layers.stretches.front();
  for (size_t i = layer.begin; i < layer.end; ++i) {
    const Work& work = layers.works[i];
    if (work.collective || work.kind != KernelClass::kMatrix) continue;
    if (work.bytes < 0) return -1;
    sum += work.bytes;
  }
  return sum;
}

// `repeats`: the forward pass whose kernels are recomputation here; null in a forward pass.
PassLayers summarize(const Layers& layers, const Layers* repeats) {
  PassLayers pass{.repetitions = layers.stretches.size(), .productBytes = productBytesOf(layers)};
  std::array<std::vector<int64_t>, kKernelClassCount> samples;
  int64_t recomputedNs = 0;
  for (const Stretch& layer : layers.stretches) {
    ClassTimes times{};
    for (const size_t i : computationOf(layers, layer))
      times[static_cast<size_t>(layers.works[i].kind)] += layers.works[i].ns;
    if (repeats != nullptr) {
      for (const size_t i : recomputedOf(*repeats, layers, layer)) {
        times[static_cast<size_t>(layers.works[i].kind)] -= layers.works[i].ns;
        recomputedNs += layers.works[i].ns;
      }
    }
    for (size_t c = 0; c < kKernelClassCount; ++c) samples[c].push_back(times[c]);
  }
  for (size_t c = 0; c < kKernelClassCount; ++c) pass.layerNs[c] = median(std::move(samples[c]));
  addCollectives(layers, pass);
  const int64_t all = computationNs(layers.works, {0, layers.works.size()});
  pass.beforeNs = computationNs(layers.works, {0, layers.stretches.front().begin});
  pass.afterNs = computationNs(layers.works, {layers.stretches.back().end, layers.works.size()});
  const auto count = static_cast<int64_t>(layers.stretches.size());
  const int64_t layersNs =
      count * std::accumulate(pass.layerNs.begin(), pass.layerNs.end(), int64_t{0});
  pass.betweenNs =
      std::max<int64_t>(0, all - pass.beforeNs - pass.afterNs - recomputedNs - layersNs);
  if (all > 0) pass.recomputedShare = static_cast<double>(recomputedNs) / static_cast<double>(all);
  return pass;
}

// The pass of median length of a stage's last complete step.
struct Sample {
  const analysis::StageStep* step = nullptr;
  const analysis::PassSpan* pass = nullptr;
};
Sample sampleOf(const analysis::StepModel& model, int32_t stage, Pass kind) {
  Sample sample;
  for (const analysis::StageStep& step : model.stageSteps) {
    if (step.stage != stage) continue;
    std::vector<const analysis::PassSpan*> passes;
    for (const analysis::PassSpan& pass : step.passes) {
      if (pass.pass == kind) passes.push_back(&pass);
    }
    if (passes.empty()) continue;
    std::sort(passes.begin(), passes.end(),
              [](const auto* a, const auto* b) { return a->span.lengthNs() < b->span.lengthNs(); });
    sample = {&step, passes[passes.size() / 2]};
  }
  return sample;
}

// `layers`: how many the pass must hold; 0: as many as it shows.
Result<Layers> layersOf(PassReader& reader, const analysis::StepModel& model, int32_t stage,
                        Pass kind, size_t layers) {
  const Sample sample = sampleOf(model, stage, kind);
  const std::string_view word = kind == Pass::kForward ? "forward" : "backward";
  if (sample.pass == nullptr)
    return fail(ErrorCode::kCannotAnswer, "stage {} shows no {} pass", stage, word);
  Layers found{reader.read(*sample.step, *sample.pass), {}};
  found.stretches = findLayers(found.works, layers);
  if (found.stretches.empty()) {
    return fail(ErrorCode::kCannotAnswer,
                "the {} kernels of the {} pass of stage {} show no layers: what repeats takes less "
                "than half of its time",
                found.works.size(), word, stage);
  }
  return found;
}

}  // namespace

Result<StageLayers> findStageLayers(const Trace& trace, const analysis::StepModel& model,
                                    int32_t stage, LayerCollectives collectives) {
  PassReader reader(trace, collectives);
  CARACAL_TRY(forward, layersOf(reader, model, stage, Pass::kForward, 0));
  CARACAL_TRY(backward, layersOf(reader, model, stage, Pass::kBackward, forward.stretches.size()));
  return StageLayers{summarize(forward, nullptr), summarize(backward, &forward)};
}

std::string observedPlan(const std::vector<StageLayers>& stages) {
  const auto repeats = [](const StageLayers& s) { return s.backward.recomputedShare > 0; };
  if (std::none_of(stages.begin(), stages.end(), repeats)) return "none";
  return std::all_of(stages.begin(), stages.end(), repeats) ? "full" : "unknown";
}

}  // namespace caracal::profile
