#include "core/plan/liveness.h"

#include <algorithm>

#include "core/plan/item_effects.h"
#include "core/plan/tensor_index.h"

namespace caracal::plan {

// From the last item to the first, a tensor's first sight is its last use; the item that makes it
// ends that life, so that the reads before it belong to an earlier one.
void addReleases(const DeviceShape& device, StageProgram& program) {
  const TensorIndex indexOf(device);
  const int32_t microBatches = device.chunks.front().profile.parallel.microBatches;
  std::vector<bool> readLater(indexOf.size(microBatches), false);
  std::vector<TensorRef> releases;  // in reverse
  for (auto item = program.items.rbegin(); item != program.items.rend(); ++item) {
    const auto fromBack = static_cast<uint32_t>(releases.size());
    item->releaseBegin = item->releaseEnd = fromBack;
    if (item->chunk < 0) continue;
    const StageShape& shape = device.of(*item);
    forEachMade(shape, *item, [&](const TensorRef& tensor) {
      const size_t index = indexOf(tensor);
      if (!readLater[index]) releases.push_back(tensor);
      readLater[index] = false;
    });
    forEachRead(shape, *item, [&](const TensorRef& tensor) {
      const size_t index = indexOf(tensor);
      if (!readLater[index]) releases.push_back(tensor);
      readLater[index] = true;
    });
    item->releaseEnd = static_cast<uint32_t>(releases.size());
  }
  std::reverse(releases.begin(), releases.end());
  const auto total = static_cast<uint32_t>(releases.size());
  for (Item& item : program.items) {
    const uint32_t begin = total - item.releaseEnd;
    item.releaseEnd = total - item.releaseBegin;
    item.releaseBegin = begin;
  }
  program.releases = std::move(releases);
}

}  // namespace caracal::plan
