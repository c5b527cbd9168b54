#include "app/cli/load_options.h"

#include <algorithm>
#include <charconv>
#include <limits>

#include "core/import/chrome/decimal.h"

namespace caracal::cli {
namespace {

using trace::EventKind;
using trace::Selection;

std::vector<std::string> partsOf(const std::string& text) {
  std::vector<std::string> parts;
  size_t begin = 0;
  while (begin <= text.size()) {
    const size_t end = std::min(text.find(',', begin), text.size());
    parts.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return parts;
}

bool takeNumber(std::string_view& text, int32_t& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || number < 0) return false;
  text.remove_prefix(static_cast<size_t>(end - text.data()));
  return true;
}

Result<std::vector<Selection::RankRange>> ranksOf(const std::string& text) {
  std::vector<Selection::RankRange> ranges;
  for (const std::string& part : partsOf(text)) {
    std::string_view rest = part;
    Selection::RankRange range;
    bool good = takeNumber(rest, range.first);
    range.last = range.first;
    if (good && !rest.empty()) {
      good = rest.front() == '-';
      rest.remove_prefix(1);
      good = good && takeNumber(rest, range.last) && rest.empty();
    }
    if (!good || range.last < range.first)
      return fail(ErrorCode::kInvalidInput, "--ranks takes numbers and ranges as 0-7,12, not '{}'",
                  text);
    ranges.push_back(range);
  }
  return ranges;
}

Result<int64_t> nanosecondsOf(const std::string& option, const std::string& text) {
  const size_t digits = std::min(text.find_first_not_of("0123456789."), text.size());
  const std::string unit = text.substr(digits);
  const std::pair<const char*, int> units[] = {{"ns", 0}, {"us", 3}, {"ms", 6}, {"s", 9}};
  for (const auto& [name, shift] : units) {
    if (unit != name) continue;
    if (const auto time = import::chrome::scaledDecimal(text.substr(0, digits), shift))
      return *time;
  }
  return fail(ErrorCode::kInvalidInput,
              "{} takes a time with its unit as 2s, 1.5ms or 300us, not '{}'", option, text);
}

std::string categoryName(EventKind kind) {
  std::string text(trace::name(kind));
  std::replace(text.begin(), text.end(), ' ', '_');
  return text;
}

Result<std::vector<EventKind>> kindsOf(const std::string& text) {
  std::vector<EventKind> kinds;
  for (const std::string& part : partsOf(text)) {
    std::string known;
    const size_t before = kinds.size();
    for (size_t k = 0; k < trace::kEventKindCount; ++k) {
      const auto kind = static_cast<EventKind>(k);
      known += (k == 0 ? "" : ", ") + categoryName(kind);
      if (categoryName(kind) == part) kinds.push_back(kind);
    }
    if (kinds.size() == before)
      return fail(ErrorCode::kInvalidInput, "--categories: there is no '{}'; there are {}", part,
                  known);
  }
  return kinds;
}

}  // namespace

void addCacheOption(CLI::App& command, const std::shared_ptr<LoadChoices>& choices) {
  command.add_flag("--no-cache", choices->noCache,
                   "read the files even when the cache knows them, and write none");
}

void addLoadOptions(CLI::App& command, const std::shared_ptr<LoadChoices>& choices) {
  command.add_option("--ranks", choices->ranks, "load these ranks only, as 0-7,12");
  command.add_option("--from", choices->from,
                     "load events from this time on, counted from the run's first: 2s, 1.5ms");
  command.add_option("--to", choices->to, "load events before this time");
  command.add_option("--categories", choices->categories,
                     "load these kinds of events only, as kernel,cpu_op");
  addCacheOption(command, choices);
}

Result<import::LoadOptions> loadOptionsOf(const LoadChoices& choices) {
  import::LoadOptions options;
  Selection& selection = options.selection;
  if (!choices.ranks.empty()) {
    CARACAL_TRY(ranks, ranksOf(choices.ranks));
    selection.ranks = ranks;
  }
  if (!choices.from.empty()) {
    CARACAL_TRY(from, nanosecondsOf("--from", choices.from));
    selection.fromNs = from;
  }
  if (!choices.to.empty()) {
    CARACAL_TRY(to, nanosecondsOf("--to", choices.to));
    selection.toNs = to;
  }
  if (selection.fromNs.value_or(0) >= selection.toNs.value_or(std::numeric_limits<int64_t>::max()))
    return fail(ErrorCode::kInvalidInput, "--from must be before --to");
  if (!choices.categories.empty()) {
    CARACAL_TRY(kinds, kindsOf(choices.categories));
    selection.kinds = kinds;
  }
  if (!choices.noCache) {
    options.cache.folder = import::defaultCacheFolder();
    options.cache.mostBytes = import::cacheLimit(options.cache.folder);
  }
  return options;
}

}  // namespace caracal::cli
