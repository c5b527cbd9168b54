#include "core/import/kineto/file_facts.h"

#include <nlohmann/json.hpp>

#include "core/import/chrome/decimal.h"
#include "core/import/chrome/repair.h"
#include "core/import/kineto/process_groups.h"

namespace caracal::import::kineto {
namespace {

using chrome::ChromeDocument;
using nlohmann::json;

// The member as JSON; null when it is absent or beyond repair.
json parsedMember(const ChromeDocument& document, const std::string& key,
                  trace::ImportReport& report) {
  const std::string& text = document.member(key);
  if (text.empty()) return nullptr;
  json value = json::parse(text, nullptr, false);
  if (value.is_discarded()) value = json::parse(chrome::repairJson(text).text, nullptr, false);
  if (!value.is_discarded()) return value;
  report.notes.push_back("the metadata \"" + key +
                         "\" is not valid JSON and was left out; correct it in the file, or record "
                         "again");
  return nullptr;
}

// A member of an object as text, also when it is a number; empty when it is neither.
std::string textOf(const json& object, const char* key) {
  if (!object.is_object() || !object.contains(key)) return {};
  const json& value = object[key];
  if (value.is_string()) return value.get<std::string>();
  return value.is_number() ? value.dump() : std::string();
}

std::optional<int32_t> numberOf(const json& object, const char* key) {
  const auto value = chrome::signedInteger(textOf(object, key));
  if (!value || *value < 0 || *value > std::numeric_limits<int32_t>::max()) return std::nullopt;
  return static_cast<int32_t>(*value);
}

// An array of numbers, or the same as text in files of on-demand profiling.
std::vector<int32_t> ranksOf(const json& group) {
  if (!group.contains("ranks")) return {};
  const json& ranks = group["ranks"];
  return rankList(ranks.is_string() ? ranks.get<std::string>() : ranks.dump())
      .value_or(std::vector<int32_t>{});
}

std::vector<trace::ProcessGroup> groupsOf(const json& distributed) {
  std::vector<trace::ProcessGroup> groups;
  if (!distributed.is_object() || !distributed.contains("pg_config")) return groups;
  json list = distributed["pg_config"];
  if (list.is_string()) list = json::parse(list.get<std::string>(), nullptr, false);
  if (!list.is_array()) return groups;
  for (const json& entry : list) {
    if (!entry.is_object()) continue;
    trace::ProcessGroup group;
    group.name = textOf(entry, "pg_name");
    group.description = textOf(entry, "pg_desc");
    group.ranks = ranksOf(entry);
    group.size = numberOf(entry, "pg_size").value_or(static_cast<int32_t>(group.ranks.size()));
    groups.push_back(std::move(group));
  }
  return groups;
}

// TensorBoard's handler names files "<host>_<pid>.<time>.pt.trace.json".
std::string hostFromFileName(const std::string& path) {
  const std::string name = path.substr(path.find_last_of('/') + 1);
  const size_t suffix = name.find(".pt.trace.json");
  if (suffix == std::string::npos) return {};
  const size_t time = name.find_last_of('.', suffix - 1);
  // Milliseconds or nanoseconds of the epoch: shorter numbers are something else.
  if (time == std::string::npos || suffix - time <= 13) return {};
  const size_t process = name.find_last_of('_', time);
  const bool digits = process != std::string::npos && time > process + 1 &&
                      name.find_first_not_of("0123456789", process + 1) == time;
  return digits ? name.substr(0, process) : std::string();
}

void takeMeta(FileFacts& facts, const char* name, std::string value) {
  if (!value.empty()) facts.meta.emplace(name, std::move(value));
}

}  // namespace

FileFacts fileFacts(const ChromeDocument& document, const std::string& path,
                    trace::ImportReport& report) {
  FileFacts facts;
  const json distributed = parsedMember(document, "distributedInfo", report);
  facts.rank = numberOf(distributed, "rank");
  facts.groups = groupsOf(distributed);
  takeMeta(facts, "worldSize", textOf(distributed, "world_size"));
  takeMeta(facts, "backend", textOf(distributed, "backend"));
  takeMeta(facts, "ncclVersion", textOf(distributed, "nccl_version"));
  for (const char* version :
       {"cupti_version", "cuda_driver_version", "cuda_runtime_version", "roctracer_version"}) {
    takeMeta(facts, version, std::string(chrome::withoutQuotes(document.member(version))));
  }

  const json devices = parsedMember(document, "deviceProperties", report);
  for (const json& device : devices.is_array() ? devices : json::array()) {
    const auto id = numberOf(device, "id");
    if (id) facts.deviceNames[*id] = textOf(device, "name");
  }

  const std::string_view base = chrome::withoutQuotes(document.member("baseTimeNanoseconds"));
  facts.baseTimeNs = chrome::signedInteger(base).value_or(0);
  takeMeta(facts, "baseTimeNanoseconds", std::string(base));
  facts.host = chrome::unescaped(document.member("host_name"));
  if (facts.host.empty()) facts.host = hostFromFileName(path);
  return facts;
}

}  // namespace caracal::import::kineto
