#include "core/import/nsys/id_names.h"

#include <algorithm>

namespace caracal::import::nsys {

using trace::Defect;

Result<StringIds> StringIds::open(const NsysFile& file, trace::ImportReport& report) {
  StringIds strings;
  const std::string table = file.tableNamed("StringIds");
  if (table.empty()) {
    report.count(Defect::kMissingTable);
    report.notes.push_back(
        fmt::format("no table StringIds: names are shown as their numbers; {}", file.remedy()));
    return strings;
  }
  // The id is the rowid in every export seen; a copy made with CREATE TABLE AS has lost that.
  auto keys = file.database().prepare("SELECT 1 FROM pragma_table_info('" + table +
                                      "') WHERE name = 'id' AND pk = 1");
  if (keys && stepRow(*keys) == SQLITE_ROW) {
    CARACAL_TRY(lookup, file.database().prepare("SELECT value FROM " + table + " WHERE id = ?"));
    strings.m_lookup = std::move(lookup);
    return strings;
  }
  CARACAL_TRY(rows, file.select("StringIds", {{"id"}, {"value"}}, report));
  while (stepRow(rows) == SQLITE_ROW) strings.m_all.try_emplace(rows.integer(0), rows.text(1));
  return strings;
}

std::optional<std::string> StringIds::find(int64_t id) {
  if (!m_lookup) {
    const auto found = m_all.find(id);
    if (found == m_all.end()) return std::nullopt;
    return found->second;
  }
  m_lookup.reset();
  m_lookup.bind(1, id);
  if (stepRow(m_lookup) != SQLITE_ROW) return std::nullopt;
  return std::string(m_lookup.text(0));
}

IdNames::Entry& IdNames::placeOf(int64_t id) {
  if (id < 0 || id >= kMostDense) return m_others[id];
  const auto place = static_cast<size_t>(id);
  if (place >= m_dense.size()) m_dense.resize(std::max(place + 1, 2 * m_dense.size()));
  return m_dense[place];
}

const IdNames::Entry& IdNames::askFor(int64_t id) {
  Entry& entry = placeOf(id);
  if (entry.asked) return entry;
  const auto text = m_strings.find(id);
  entry = {.name = m_builder.intern(text ? m_clean(*text) : std::string_view(std::to_string(id))),
           .asked = true,
           .resolved = text.has_value()};
  return entry;
}

trace::NameId IdNames::operator()(int64_t id) {
  const Entry& entry = entryOf(id);
  if (!entry.resolved) m_builder.report().count(Defect::kUnresolvedNameId);
  return entry.name;
}

std::string_view withoutApiVersion(std::string_view name) {
  constexpr std::string_view kStreamSuffixes[] = {"_ptsz", "_ptds"};
  for (bool changed = true; changed;) {
    changed = false;
    for (const std::string_view suffix : kStreamSuffixes) {
      if (name.size() > suffix.size() && name.substr(name.size() - suffix.size()) == suffix) {
        name.remove_suffix(suffix.size());
        changed = true;
      }
    }
    const size_t digits = name.find_last_not_of("0123456789");
    if (digits == std::string_view::npos || digits + 1 == name.size() || digits < 2) continue;
    if (name[digits] == 'v' && name[digits - 1] == '_') {
      name = name.substr(0, digits - 1);
      changed = true;
    }
  }
  return name;
}

}  // namespace caracal::import::nsys
