// What a Kineto file says about itself outside of its events.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/import/chrome/chrome_reader.h"
#include "core/trace/trace.h"

namespace caracal::import::kineto {

struct FileFacts {
  std::optional<int32_t> rank;                 // distributedInfo.rank
  std::vector<trace::ProcessGroup> groups;     // distributedInfo.pg_config
  std::map<int32_t, std::string> deviceNames;  // deviceProperties, by id
  int64_t baseTimeNs = 0;                      // what `ts` counts from
  std::string host;
  std::map<std::string, std::string> meta;  // worldSize, backend, ncclVersion, ...
};

// Every part may be missing or of another type; what cannot be read is left out and noted in
// `report`.
FileFacts fileFacts(const chrome::ChromeDocument& document, const std::string& path,
                    trace::ImportReport& report);

}  // namespace caracal::import::kineto
