#include "core/profile/layer_stretches.h"

#include <algorithm>
#include <map>

#include "core/base/statistics.h"

namespace caracal::profile {
namespace {

constexpr double kLeastCovered = 0.5;  // of a pass's computation
constexpr double kClearlyMore = 1.1;   // covered by similar layers than by equal ones

int64_t coveredNs(const std::vector<Work>& works, const std::vector<Stretch>& stretches) {
  int64_t ns = 0;
  for (const Stretch& stretch : stretches) ns += computationNs(works, stretch);
  return ns;
}

std::vector<Stretch> equalLayers(const std::vector<Work>& works) {
  std::vector<uint32_t> symbols;
  for (const Work& work : works) symbols.push_back(work.symbol);
  return findPattern(symbols);
}

// A layer reaches to the next one; where none follows, as far behind its last product as others do.
std::vector<Stretch> similarLayers(const std::vector<Work>& works) {
  std::vector<size_t> bones;
  std::vector<uint32_t> symbols;
  for (size_t i = 0; i < works.size(); ++i) {
    if (!works[i].collective && works[i].kind == KernelClass::kOther) continue;
    bones.push_back(i);
    symbols.push_back(works[i].symbol);
  }
  const std::vector<Stretch> places = findPattern(symbols);
  const auto nextBone = [&](const Stretch& place) {
    return place.end < bones.size() ? bones[place.end] : works.size();
  };
  std::vector<Stretch> layers;
  std::vector<int64_t> tails;
  for (size_t i = 0; i < places.size(); ++i) {
    const size_t behindLast = bones[places[i].end - 1] + 1;
    const bool followed = i + 1 < places.size() && places[i + 1].begin == places[i].end;
    if (followed) tails.push_back(static_cast<int64_t>(nextBone(places[i]) - behindLast));
    layers.push_back({bones[places[i].begin], followed ? nextBone(places[i]) : behindLast});
  }
  const auto tail = static_cast<size_t>(median(tails));
  for (size_t i = 0; i < places.size(); ++i) {
    const bool followed = i + 1 < places.size() && places[i + 1].begin == places[i].end;
    if (!followed) layers[i].end = std::min(layers[i].end + tail, nextBone(places[i]));
  }
  return layers;
}

// The kernel that stands for a layer: of one class, `layers` of its name, those that take longest.
std::vector<size_t> anchorsOf(const std::vector<Work>& works, KernelClass kind, size_t layers) {
  std::map<uint32_t, std::vector<size_t>> bySymbol;
  for (size_t i = 0; i < works.size(); ++i) {
    if (!works[i].collective && works[i].kind == kind) bySymbol[works[i].symbol].push_back(i);
  }
  std::vector<size_t> best;
  int64_t longestNs = -1;
  for (const auto& [symbol, places] : bySymbol) {
    int64_t ns = 0;
    for (const size_t place : places) ns += works[place].ns;
    if (places.size() != layers || ns <= longestNs) continue;
    longestNs = ns;
    best = places;
  }
  return best;
}

std::vector<Stretch> anchoredLayers(const std::vector<Work>& works, size_t layers) {
  std::vector<size_t> anchors = anchorsOf(works, KernelClass::kAttention, layers);
  if (anchors.empty()) anchors = anchorsOf(works, KernelClass::kMatrix, layers);
  std::vector<Stretch> stretches;
  std::vector<int64_t> lengths;
  for (size_t i = 0; i + 1 < anchors.size(); ++i) {
    stretches.push_back({anchors[i], anchors[i + 1]});
    lengths.push_back(static_cast<int64_t>(anchors[i + 1] - anchors[i]));
  }
  if (stretches.empty()) return stretches;
  const auto usual = static_cast<size_t>(median(std::move(lengths)));
  stretches.push_back({anchors.back(), std::min(anchors.back() + usual, works.size())});
  return stretches;
}

}  // namespace

int64_t computationNs(const std::vector<Work>& works, Stretch stretch) {
  int64_t ns = 0;
  for (size_t i = stretch.begin; i < stretch.end; ++i) ns += works[i].collective ? 0 : works[i].ns;
  return ns;
}

std::vector<Stretch> findLayers(const std::vector<Work>& works, size_t layers) {
  const auto all = static_cast<double>(computationNs(works, {0, works.size()}));
  const auto share = [&](const std::vector<Stretch>& stretches) {
    const bool asMany = layers == 0 || stretches.size() == layers;
    return asMany && all > 0 ? static_cast<double>(coveredNs(works, stretches)) / all : 0;
  };
  std::vector<Stretch> best = equalLayers(works);
  std::vector<Stretch> similar = similarLayers(works);
  if (share(similar) > kClearlyMore * share(best)) best = std::move(similar);
  if (share(best) < kLeastCovered && layers > 0) best = anchoredLayers(works, layers);
  return share(best) < kLeastCovered ? std::vector<Stretch>() : best;
}

}  // namespace caracal::profile
