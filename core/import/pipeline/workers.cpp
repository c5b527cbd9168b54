#include "core/import/pipeline/workers.h"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>

namespace caracal::import::pipeline {
namespace {

// The number behind `word`, which may be separated from it by blanks and a bracket.
std::optional<int32_t> numberAfter(std::string_view text, std::string_view word) {
  const size_t found = text.find(word);
  if (found == std::string_view::npos) return std::nullopt;
  const size_t digits = text.find_first_of("0123456789", found + word.size());
  if (digits == std::string_view::npos) return std::nullopt;
  if (text.find_first_not_of(" [:=", found + word.size()) != digits) return std::nullopt;
  int32_t number = 0;
  const auto parsed = std::from_chars(text.data() + digits, text.data() + text.size(), number);
  if (parsed.ec != std::errc{}) return std::nullopt;
  return number;
}

std::string trimmed(std::string_view text) {
  const size_t first = text.find_first_not_of(" \t\r");
  if (first == std::string_view::npos) return {};
  return std::string(text.substr(first, text.find_last_not_of(" \t\r") - first + 1));
}

}  // namespace

void GridSizes::include(const WorkerPlace& place) {
  stages = std::max(stages, place.stage + 1);
  replicas = std::max(replicas, place.replica + 1);
  tensor = std::max(tensor, place.tensor + 1);
}

int32_t GridSizes::rankOf(const WorkerPlace& place) const {
  return (place.stage * replicas + place.replica) * tensor + place.tensor;
}

std::optional<RowName> rowNameOf(std::string_view text) {
  const auto stage = numberAfter(text, "PP rank");
  if (!stage) return std::nullopt;
  RowName name{*stage, numberAfter(text, "TP rank").value_or(0), {}};
  const size_t comma = text.find_last_of(',');
  if (comma != std::string_view::npos) name.lane = trimmed(text.substr(comma + 1));
  return name;
}

std::optional<int32_t> replicaOf(std::string_view processName) {
  return numberAfter(processName, "DP rank");
}

bool isDescription(const std::string& path) {
  const std::filesystem::path file(path);
  return file.extension() == ".yaml" && file.filename().string().rfind("meta-", 0) == 0;
}

std::map<std::string, std::string> descriptionBeside(const std::string& tracePath) {
  std::map<std::string, std::string> description;
  const std::filesystem::path trace(tracePath);
  const std::string name = trace.filename().string();
  const size_t dash = name.find('-');
  if (dash == std::string::npos) return description;
  const std::string run = name.substr(dash + 1, name.find('.') - dash - 1);
  std::ifstream file(trace.parent_path() / ("meta-" + run + ".yaml"));
  for (std::string line; std::getline(file, line);) {
    const size_t colon = line.find(':');
    if (colon == std::string::npos || line[0] == '#') continue;
    description[trimmed(line.substr(0, colon))] = trimmed(line.substr(colon + 1));
  }
  return description;
}

}  // namespace caracal::import::pipeline
