#include "core/profile/kernel_layers.h"

#include <algorithm>
#include <unordered_map>

#include "core/analysis/collectives.h"
#include "core/analysis/transfers.h"
#include "core/analysis/work_kinds.h"
#include "core/base/statistics.h"
#include "core/trace/args_of.h"

namespace caracal::profile {
namespace {

using analysis::WorkKind;
using trace::EventIndex;
using trace::Pass;
using trace::Trace;

constexpr double kLeastCovered = 0.5;   // of a pass's computation
constexpr double kLeastRepeated = 0.7;  // of a forward layer's kernels, to be its recomputation

// One GPU operation of a pass.
struct Work {
  uint32_t symbol = 0;  // name
  KernelClass kind = KernelClass::kOther;
  bool collective = false;
  int64_t ns = 0;  // of a collective: its transfer part
  int64_t bytes = -1;
  int64_t beginNs = 0;
};

KernelClass classOf(WorkKind kind) {
  if (kind == WorkKind::kGemm) return KernelClass::kMatrix;
  return kind == WorkKind::kAttention ? KernelClass::kAttention : KernelClass::kOther;
}

class PassReader {
 public:
  explicit PassReader(const Trace& trace)
      : m_trace(trace), m_kinds(trace, m_comm), m_filter(trace, m_comm) {
    for (const auto& match : analysis::matchCollectives(trace, m_comm).matched) {
      for (const auto& member : match.members) m_transferNs[member.event] = match.transferNs;
    }
  }

  // Computation and collectives of one pass, by begin.
  std::vector<Work> read(const analysis::StageStep& step, const analysis::PassSpan& pass) {
    std::vector<Work> works;
    for (const trace::Track& track : m_trace.tracks()) {
      if (track.rank != step.rankIndex || track.kind != trace::TrackKind::kGpuStream) continue;
      for (EventIndex e = track.firstEvent; e < track.firstEvent + track.eventCount; ++e) {
        const trace::EventArgs args = trace::argsOf(m_trace, e);
        const bool own = args.pass == pass.pass && args.microBatch == pass.microBatch &&
                         std::max(args.chunk, 0) == pass.chunk && args.step == step.step;
        if (own && m_trace.kind(e) == trace::EventKind::kKernel) works.push_back(workOf(e, args));
      }
    }
    std::stable_sort(works.begin(), works.end(),
                     [](const Work& a, const Work& b) { return a.beginNs < b.beginNs; });
    return works;
  }

 private:
  Work workOf(EventIndex e, const trace::EventArgs& args) {
    Work work{
        .symbol = m_trace.nameId(e), .ns = m_trace.durationNs(e), .beginNs = m_trace.beginNs(e)};
    work.collective = m_filter.isCommKernel(e);
    if (!work.collective) {
      work.kind = classOf(m_kinds.of(e));
      return work;
    }
    work.bytes = args.bytes;
    const auto matched = m_transferNs.find(e);
    if (matched != m_transferNs.end()) work.ns = matched->second;
    return work;
  }

  const Trace& m_trace;
  analysis::CommNames m_comm;
  analysis::WorkKinds m_kinds;
  analysis::CommKernelFilter m_filter;
  std::unordered_map<EventIndex, int64_t> m_transferNs;
};

std::vector<uint32_t> symbolsOf(const std::vector<Work>& works) {
  std::vector<uint32_t> symbols;
  for (const Work& work : works) symbols.push_back(work.symbol);
  return symbols;
}

int64_t computationNs(const std::vector<Work>& works, size_t from, size_t to) {
  int64_t ns = 0;
  for (size_t i = from; i < to; ++i) ns += works[i].collective ? 0 : works[i].ns;
  return ns;
}

// The layers of one pass: where they lie and what they take.
struct Layers {
  std::vector<Work> works;
  Repetition repetition;
  const Work& at(size_t layer, size_t position) const {
    return works[repetition.first + layer * repetition.period + position];
  }
  // Medians over the layers, by position inside a period.
  std::vector<int64_t> times() const {
    std::vector<int64_t> result;
    for (size_t position = 0; position < repetition.period; ++position) {
      std::vector<int64_t> samples;
      for (size_t layer = 0; layer < repetition.count; ++layer)
        samples.push_back(at(layer, position).ns);
      result.push_back(median(std::move(samples)));
    }
    return result;
  }
};

// The positions of a backward layer that repeat the forward layer: the longest run of the same
// kernels, if it is most of that layer. Layers follow one another, so both are read round.
std::vector<bool> recomputedPositions(const Layers& forward, const Layers& backward) {
  const auto computation = [](const Layers& layers) {
    std::vector<size_t> positions;
    for (size_t p = 0; p < layers.repetition.period; ++p) {
      if (!layers.at(0, p).collective) positions.push_back(p);
    }
    return positions;
  };
  const std::vector<size_t> f = computation(forward);
  const std::vector<size_t> b = computation(backward);
  size_t longest = 0;
  size_t begin = 0;
  for (size_t j = 0; j < b.size(); ++j) {
    for (size_t i = 0; i < f.size(); ++i) {
      size_t length = 0;
      while (length < std::min(f.size(), b.size()) &&
             forward.at(0, f[(i + length) % f.size()]).symbol ==
                 backward.at(0, b[(j + length) % b.size()]).symbol)
        ++length;
      if (length > longest) {
        longest = length;
        begin = j;
      }
    }
  }
  std::vector<bool> recomputed(backward.repetition.period);
  // All of the backward layer would be no backward at all.
  if (static_cast<double>(longest) < kLeastRepeated * static_cast<double>(f.size()) ||
      longest == b.size())
    return recomputed;
  for (size_t k = 0; k < longest; ++k) recomputed[b[(begin + k) % b.size()]] = true;
  return recomputed;
}

PassLayers summarize(const Layers& layers, const std::vector<bool>& recomputed) {
  const Repetition& r = layers.repetition;
  PassLayers pass{.repetitions = r.count};
  const std::vector<int64_t> times = layers.times();
  int64_t recomputedNs = 0;
  for (size_t p = 0; p < r.period; ++p) {
    const Work& work = layers.at(0, p);
    if (work.collective) {
      pass.collectiveNs.push_back(times[p]);
      pass.collectiveBytes.push_back(work.bytes);
    } else if (recomputed[p]) {
      recomputedNs += times[p];
    } else {
      pass.layerNs[static_cast<size_t>(work.kind)] += times[p];
    }
  }
  const size_t end = r.first + r.count * r.period;
  pass.beforeNs = computationNs(layers.works, 0, r.first);
  pass.afterNs = computationNs(layers.works, end, layers.works.size());
  const int64_t all = computationNs(layers.works, 0, layers.works.size());
  if (all > 0) {
    pass.recomputedShare = static_cast<double>(recomputedNs * static_cast<int64_t>(r.count)) /
                           static_cast<double>(all);
  }
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

Result<Layers> layersOf(PassReader& reader, const analysis::StepModel& model, int32_t stage,
                        Pass kind) {
  const Sample sample = sampleOf(model, stage, kind);
  const std::string_view word = kind == Pass::kForward ? "forward" : "backward";
  if (sample.pass == nullptr)
    return fail(ErrorCode::kCannotAnswer, "stage {} shows no {} pass", stage, word);
  Layers layers{reader.read(*sample.step, *sample.pass), {}};
  layers.repetition = findRepetition(symbolsOf(layers.works));
  const Repetition& r = layers.repetition;
  const int64_t all = computationNs(layers.works, 0, layers.works.size());
  const int64_t repeated = computationNs(layers.works, r.first, r.first + r.count * r.period);
  if (static_cast<double>(repeated) < kLeastCovered * static_cast<double>(all) || repeated == 0) {
    return fail(ErrorCode::kCannotAnswer,
                "the {} kernels of the {} pass of stage {} show no layers: what repeats takes less "
                "than half of its time",
                layers.works.size(), word, stage);
  }
  return layers;
}

}  // namespace

Repetition findRepetition(const std::vector<uint32_t>& symbols) {
  Repetition best;
  size_t bestLength = 0;
  for (size_t period = 1; period * 2 <= symbols.size(); ++period) {
    size_t run = 0;
    for (size_t i = 0; i + period < symbols.size(); ++i) {
      run = symbols[i] == symbols[i + period] ? run + 1 : 0;
      // A run of equal pairs covers itself and one period.
      const size_t count = (run + period) / period;
      if (run < period || count * period <= bestLength) continue;
      bestLength = count * period;
      best = {i + 1 - run, period, count};
    }
  }
  return best;
}

Result<StageLayers> findStageLayers(const Trace& trace, const analysis::StepModel& model,
                                    int32_t stage) {
  PassReader reader(trace);
  CARACAL_TRY(forward, layersOf(reader, model, stage, Pass::kForward));
  CARACAL_TRY(backward, layersOf(reader, model, stage, Pass::kBackward));
  return StageLayers{summarize(forward, std::vector<bool>(forward.repetition.period)),
                     summarize(backward, recomputedPositions(forward, backward))};
}

}  // namespace caracal::profile
