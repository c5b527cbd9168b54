#include "core/import/nsys/caracal_labels.h"

#include <charconv>

namespace caracal::import::nsys {
namespace {

// The whole of `text` as a number.
std::optional<int32_t> numberIn(std::string_view text) {
  int32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return value;
}

trace::Pass passNamed(std::string_view letter) {
  if (letter == "F") return trace::Pass::kForward;
  if (letter == "B") return trace::Pass::kBackward;
  if (letter == "W") return trace::Pass::kWeight;
  return trace::Pass::kNone;
}

}  // namespace

CaracalLabel parseCaracalLabel(std::string_view text) {
  using Role = CaracalLabel::Role;
  const size_t colon = text.find(':');
  if (colon == std::string_view::npos) return {};
  const std::string_view word = text.substr(0, colon);
  const std::string_view rest = text.substr(colon + 1);
  if (word == "step" || word == "layer") {
    const auto number = numberIn(rest);
    if (!number) return {};
    return {.role = word == "step" ? Role::kStep : Role::kLayer, .number = *number};
  }
  const trace::Pass pass = passNamed(word);
  const size_t second = rest.find(':');
  if (pass == trace::Pass::kNone || second == std::string_view::npos) return {};
  const auto microBatch = numberIn(rest.substr(0, second));
  const std::string_view place = rest.substr(second + 1);
  const size_t third = place.find(':');
  const auto stage = numberIn(place.substr(0, third));
  const auto chunk = third == std::string_view::npos ? -1 : numberIn(place.substr(third + 1));
  if (!microBatch || !stage || !chunk) return {};
  return {
      .role = Role::kPass, .pass = pass, .number = *microBatch, .stage = *stage, .chunk = *chunk};
}

}  // namespace caracal::import::nsys
