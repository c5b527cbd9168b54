// roleOf() of group_roles.h: what the words of a process group's description say.
#include <algorithm>
#include <array>
#include <cctype>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/analysis/group_roles.h"

namespace caracal::analysis {
namespace {

// Runs of letters, in lower case: "mesh_dp_shard" -> mesh, dp, shard.
std::vector<std::string> wordsOf(std::string_view text) {
  std::vector<std::string> words;
  bool inWord = false;
  for (const char c : text) {
    const auto letter = static_cast<unsigned char>(c);
    if (std::isalpha(letter) != 0) {
      if (!inWord) words.emplace_back();
      words.back() += static_cast<char>(std::tolower(letter));
    }
    inWord = std::isalpha(letter) != 0;
  }
  return words;
}

constexpr std::array<std::pair<std::string_view, GroupRole>, 23> kRoleWords{{
    {"tensor", GroupRole::kTensor},     {"tp", GroupRole::kTensor},
    {"pipeline", GroupRole::kPipeline}, {"pipe", GroupRole::kPipeline},
    {"pp", GroupRole::kPipeline},       {"data", GroupRole::kData},
    {"dp", GroupRole::kData},           {"ddp", GroupRole::kData},
    {"fsdp", GroupRole::kData},         {"hsdp", GroupRole::kData},
    {"replicate", GroupRole::kData},    {"shard", GroupRole::kData},
    {"context", GroupRole::kContext},   {"cp", GroupRole::kContext},
    {"sequence", GroupRole::kContext},  {"sp", GroupRole::kContext},
    {"ulysses", GroupRole::kContext},   {"expert", GroupRole::kExpert},
    {"experts", GroupRole::kExpert},    {"expt", GroupRole::kExpert},
    {"moe", GroupRole::kExpert},        {"ep", GroupRole::kExpert},
    {"etp", GroupRole::kTensor},
}};

// Words that say nothing of the role.
constexpr std::array<std::string_view, 14> kFillers{
    "mesh", "group", "pg",      "process",      "parallel", "model", "gloo",
    "nccl", "intra", "partial", "hierarchical", "inter",    "comm",  "parallelism"};

// "DATA_PARALLEL_GROUP_WITH_CP" is a wider group of the same purpose: what follows is left out.
std::vector<std::string> purposeOf(const trace::ProcessGroup& group) {
  const bool described = !group.description.empty() && group.description != "undefined";
  std::vector<std::string> words = wordsOf(described ? group.description : group.name);
  words.erase(std::find(words.begin(), words.end(), "with"), words.end());
  return words;
}

}  // namespace

DataPart dataPartOf(const trace::ProcessGroup& group) {
  DataPart part = DataPart::kWhole;
  for (const std::string& word : purposeOf(group)) {
    const auto role = std::find_if(kRoleWords.begin(), kRoleWords.end(),
                                   [&](const auto& known) { return known.first == word; });
    const bool otherRole = role != kRoleWords.end() && role->second != GroupRole::kData;
    if (otherRole || word == "partial") return DataPart::kOther;
    if (word == "replicate") part = DataPart::kReplicate;
    if (word == "shard") part = DataPart::kShard;
  }
  return part;
}

GroupRole roleOf(const trace::ProcessGroup& group) {
  std::vector<GroupRole> roles;
  for (const std::string& word : purposeOf(group)) {
    const auto role = std::find_if(kRoleWords.begin(), kRoleWords.end(),
                                   [&](const auto& known) { return known.first == word; });
    if (role != kRoleWords.end()) {
      if (std::find(roles.begin(), roles.end(), role->second) == roles.end())
        roles.push_back(role->second);
    } else if (std::find(kFillers.begin(), kFillers.end(), word) == kFillers.end()) {
      return GroupRole::kUnknown;
    }
  }
  // Experts have tensor- and data-parallel groups of their own.
  if (roles.size() == 2 && roles.front() == GroupRole::kExpert &&
      (roles.back() == GroupRole::kTensor || roles.back() == GroupRole::kData))
    return roles.back();
  // Parameters are sharded and gradients reduced over data and context ranks together.
  if (roles.size() == 2 && roles.front() == GroupRole::kData && roles.back() == GroupRole::kContext)
    return GroupRole::kData;
  return roles.size() == 1 ? roles.front() : GroupRole::kUnknown;
}

}  // namespace caracal::analysis
