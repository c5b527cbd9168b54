#include "core/analysis/step_names.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <string>

#include "core/analysis/pass_words.h"

namespace caracal::analysis {

std::optional<NumberedStep> numberedStep(std::string_view name) {
  static constexpr std::array<std::string_view, 8> kWords{
      "iteration",       "iter",      "step", "train_step", "training_step", "global_step",
      "train_iteration", "train_iter"};
  const size_t digit = name.find_first_of("0123456789");
  if (digit == std::string_view::npos) return std::nullopt;
  std::string_view rest = name.substr(digit);
  const auto number = takeNumber(rest);
  if (!number || !rest.empty()) return std::nullopt;
  const std::string_view before = name.substr(0, digit);
  const std::string_view word = before.substr(0, before.find_last_not_of(" _:=#-") + 1);
  std::string lower(word);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  std::replace(lower.begin(), lower.end(), ' ', '_');
  if (std::find(kWords.begin(), kWords.end(), lower) == kWords.end()) return std::nullopt;
  return NumberedStep{word, *number};
}

}  // namespace caracal::analysis
