#include "runtime/executor/replica_exchange.h"

#include <algorithm>

namespace caracal::executor {
namespace {

template <class Ranges>
std::vector<float> gathered(const Ranges& ranges, std::span<const float> values) {
  std::vector<float> message;
  for (const auto& range : ranges) {
    const auto part =
        values.subspan(static_cast<size_t>(range.begin), static_cast<size_t>(range.count));
    message.insert(message.end(), part.begin(), part.end());
  }
  return message;
}

template <class Ranges>
void scattered(std::span<const float> message, const Ranges& ranges, std::span<float> values) {
  auto next = message.begin();
  for (const auto& range : ranges) {
    std::copy(next, next + range.count, values.begin() + range.begin);
    next += range.count;
  }
}

// Owned ranges lie inside the ranges of their bucket.
std::vector<model::OwnedRange> ownedIn(const model::ParameterStore& parameters, size_t bucket) {
  std::vector<model::OwnedRange> found;
  for (const model::OwnedRange& owned : parameters.owned()) {
    const auto& ranges = parameters.buckets()[bucket].ranges;
    const bool inside = std::any_of(ranges.begin(), ranges.end(), [&](const auto& range) {
      return owned.begin >= range.begin && owned.begin < range.begin + range.count;
    });
    if (inside) found.push_back(owned);
  }
  return found;
}

std::vector<model::ParameterLayout::Range> rowRanges(const model::ParameterStore& parameters) {
  std::vector<model::ParameterLayout::Range> ranges;
  for (const model::ParameterSpec& spec : parameters.specs()) {
    if (spec.summedOverRows) ranges.push_back({spec.offset, spec.count()});
  }
  return ranges;
}

}  // namespace

std::vector<float> messageOf(const model::Bucket& bucket, std::span<const float> values) {
  return gathered(bucket.ranges, values);
}

void spread(std::span<const float> message, const model::Bucket& bucket, std::span<float> values) {
  scattered(message, bucket.ranges, values);
}

std::vector<float> ownedPart(const model::ParameterStore& parameters, size_t bucket,
                             std::span<const float> values) {
  return gathered(ownedIn(parameters, bucket), values);
}

void spreadOwned(std::span<const float> part, const model::ParameterStore& parameters,
                 size_t bucket, std::span<float> values) {
  scattered(part, ownedIn(parameters, bucket), values);
}

std::vector<float> rowGradients(model::ParameterStore& parameters) {
  return gathered(rowRanges(parameters), parameters.gradients());
}

void spreadRowGradients(std::span<const float> message, model::ParameterStore& parameters) {
  scattered(message, rowRanges(parameters), parameters.gradients());
}

}  // namespace caracal::executor
