#include "core/profile/parameters.h"

#include <cmath>

namespace caracal::profile {

int64_t vocabularyShard(const ModelDescription& model) {
  const int64_t t = model.parallel.tensor;
  return (model.shape.vocabulary + t - 1) / t;
}

// 4h^2 + 2hf weights and 3h + f biases are split over the tensor ranks (qkv, proj, fc1, fc2); the
// biases of proj and fc2 and the two norms (2h each) are on every rank: 12h^2 + 13h for f = 4h on
// one rank.
int64_t layerParameters(const ModelDescription& model) {
  const int64_t h = model.shape.hidden;
  const int64_t f = model.shape.ffn();
  const int64_t split = 4 * h * h + 2 * h * f + 3 * h + f;
  return split / model.parallel.tensor + 6 * h;
}

int64_t firstParameters(const ModelDescription& model) {
  return (vocabularyShard(model) + model.shape.sequence) * model.shape.hidden;
}

int64_t lastParameters(const ModelDescription& model) {
  const int64_t head =
      model.parallel.pipeline > 1 ? vocabularyShard(model) * model.shape.hidden : 0;
  return head + 2 * model.shape.hidden;
}

int64_t staticBytes(const ModelDescription& model, int64_t parameters) {
  return std::llround(static_cast<double>(parameters) * model.staticBytesPerParameter);
}

}  // namespace caracal::profile
