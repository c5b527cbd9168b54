#include "core/import/rank_numbers.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <set>
#include <string>
#include <utility>

#include "core/import/input/input_stream.h"

namespace caracal::import {
namespace {

using trace::Rank;
using trace::TraceBuilder;

std::string lowerCaseName(std::string_view path) {
  std::string name(path.substr(path.find_last_of('/') + 1));
  for (char& c : name) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return name;
}

std::optional<int32_t> numberAt(std::string_view text) {
  int32_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end == text.data() || number < 0) return std::nullopt;
  return number;
}

std::string_view withoutDigitsBehind(std::string_view text) {
  while (!text.empty() && std::isdigit(static_cast<unsigned char>(text.back())))
    text.remove_suffix(1);
  return text;
}

std::string_view withoutDigitsInFront(std::string_view text) {
  while (!text.empty() && std::isdigit(static_cast<unsigned char>(text.front())))
    text.remove_prefix(1);
  return text;
}

template <class Action>
void forEachRank(std::vector<TraceBuilder>& builders, const Action& action) {
  for (TraceBuilder& builder : builders) {
    for (uint32_t r = 0; r < builder.rankCount(); ++r) action(builder, builder.rank(r));
  }
}

// Ranks of files of one rank each, none of which tells its own.
void takeNumbersOfNames(std::vector<TraceBuilder>& builders, std::set<int32_t>& taken) {
  std::vector<std::string> paths;
  for (TraceBuilder& builder : builders) {
    if (builder.rankCount() != 1 || builder.rank(0).rank >= 0) return;
    paths.push_back(builder.rank(0).file);
  }
  const std::vector<int32_t> numbers = ranksFromNumberedNames(paths);
  for (size_t i = 0; i < numbers.size(); ++i) {
    builders[i].rank(0).rank = numbers[i];
    builders[i].rank(0).foundBy = "numbers in the files' names";
    taken.insert(numbers[i]);
  }
}

}  // namespace

std::optional<int32_t> rankFromFileName(std::string_view path) {
  const std::string name = lowerCaseName(path);
  for (const std::string_view word : std::array<std::string_view, 3>{"rank", "worker", "kineto_"}) {
    for (size_t found = name.find(word); found != std::string::npos;
         found = name.find(word, found + 1)) {
      std::string_view rest = std::string_view(name).substr(found + word.size());
      // "frank3" is a name; "rank3", "rank-3", "rank_3" and "rank 3" are numbers.
      if (found > 0 && std::isalpha(static_cast<unsigned char>(name[found - 1]))) continue;
      if (!rest.empty() && (rest[0] == '-' || rest[0] == '_' || rest[0] == ' ' || rest[0] == '='))
        rest.remove_prefix(1);
      if (const auto number = numberAt(rest)) return number;
    }
  }
  return std::nullopt;
}

std::vector<int32_t> ranksFromNumberedNames(const std::vector<std::string>& paths) {
  if (paths.size() < 2) return {};
  std::vector<std::string> names;
  for (const std::string& path : paths) names.push_back(lowerCaseName(path));
  std::string_view front = names.front();
  std::string_view back = names.front();
  for (const std::string& name : names) {
    front = front.substr(
        0, static_cast<size_t>(
               std::mismatch(front.begin(), front.end(), name.begin(), name.end()).first -
               front.begin()));
    back = back.substr(
        back.size() -
        static_cast<size_t>(
            std::mismatch(back.rbegin(), back.rend(), name.rbegin(), name.rend()).first -
            back.rbegin()));
  }
  front = withoutDigitsBehind(front);
  back = withoutDigitsInFront(back);
  std::vector<int32_t> numbers;
  for (const std::string& name : names) {
    if (name.size() <= front.size() + back.size()) return {};
    const std::string_view middle =
        std::string_view(name).substr(front.size(), name.size() - front.size() - back.size());
    const auto number = numberAt(middle);
    if (!number || !withoutDigitsInFront(middle).empty()) return {};
    numbers.push_back(*number);
  }
  const std::set<int32_t> different(numbers.begin(), numbers.end());
  if (different.size() < numbers.size() || *different.begin() != 0) return {};
  return numbers;
}

std::optional<int32_t> rankFromHead(const std::string& path) {
  const auto head = readHead(path);
  const std::string_view text = head ? std::string_view(*head) : std::string_view();
  const size_t events = text.find("\"traceEvents\"");
  const size_t info = text.find("\"distributedInfo\"");
  if (info < events) {
    constexpr std::string_view kKey = "\"rank\":";
    const size_t key = text.find(kKey, info);
    if (key < std::min(events, text.find('}', info))) {
      std::string_view number = text.substr(key + kKey.size());
      while (!number.empty() && number.front() == ' ') number.remove_prefix(1);
      if (const auto rank = numberAt(number)) return rank;
    }
  }
  return rankFromFileName(path);
}

void numberRanks(std::vector<TraceBuilder>& builders) {
  std::set<int32_t> taken;
  forEachRank(builders, [&](TraceBuilder& builder, Rank& rank) {
    if (rank.rank >= 0) {
      taken.insert(rank.rank);
    } else if (const auto number = rankFromFileName(rank.file);
               number && builder.rankCount() == 1) {
      rank.rank = *number;
      rank.foundBy = "file name";
      taken.insert(*number);
    }
  });
  takeNumbersOfNames(builders, taken);
  int32_t next = 0;
  forEachRank(builders, [&](TraceBuilder& builder, Rank& rank) {
    if (rank.rank >= 0) return;
    while (taken.count(next)) ++next;
    rank.rank = next;
    if (rank.foundBy.empty()) rank.foundBy = "order of the files";
    taken.insert(next);
    builder.report().count(trace::Defect::kUnknownRank);
  });
}

}  // namespace caracal::import
