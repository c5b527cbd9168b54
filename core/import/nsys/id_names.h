// Names by their StringIds id, interned once per id. Ids are looked up as they are met: an export
// holds many strings (symbols of call stacks) that no event uses.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/import/nsys/nsys_file.h"
#include "core/trace/trace_builder.h"

namespace caracal::import::nsys {

class StringIds {
 public:
  // Counts the table when it is missing.
  static Result<StringIds> open(const NsysFile& file, trace::ImportReport& report);
  std::optional<std::string> find(int64_t id);

 private:
  sqlite::Statement m_lookup;  // empty when all are in m_all, or there is no table
  // Only for tables that SQLite cannot search by id.
  std::unordered_map<int64_t, std::string> m_all;
};

// Ids as trace names. `clean` turns the stored text into the one to show (strips a version suffix).
class IdNames {
 public:
  using Clean = std::string_view (*)(std::string_view);
  IdNames(StringIds& strings, trace::TraceBuilder& builder, Clean clean)
      : m_strings(strings), m_builder(builder), m_clean(clean) {}
  // An id that is not in the table is counted and shown as its number.
  trace::NameId operator()(int64_t id);
  bool knows(int64_t id) { return entryOf(id).resolved; }

 private:
  struct Entry {
    trace::NameId name = 0;
    bool asked = false;
    bool resolved = false;
  };
  // Ids count up from small numbers: up to here they have a place each, which every row asks for.
  static constexpr int64_t kMostDense = int64_t{1} << 17;
  const Entry& entryOf(int64_t id) {
    const auto place = static_cast<uint64_t>(id);  // of negative ids: beyond all
    if (place < m_dense.size() && m_dense[place].asked) return m_dense[place];
    return askFor(id);
  }
  const Entry& askFor(int64_t id);
  Entry& placeOf(int64_t id);

  StringIds& m_strings;
  trace::TraceBuilder& m_builder;
  Clean m_clean;
  std::vector<Entry> m_dense;
  std::unordered_map<int64_t, Entry> m_others;
};

// cudaLaunchKernel_v7000 -> cudaLaunchKernel, cuMemcpyAsync_v2_ptsz -> cuMemcpyAsync.
std::string_view withoutApiVersion(std::string_view name);
inline std::string_view asStored(std::string_view name) {
  return name;
}

}  // namespace caracal::import::nsys
