#include "core/analysis/structure_tables.h"

#include "core/analysis/structure.h"

namespace caracal::analysis {

Result<DataTable> structureTable(const TableRequest& request) {
  DataTable table{"structure", {{"fact"}, {"foundBy"}}, {}, {}};
  for (Fact& fact : inferStructure(request.trace(), request.hint, request.stop).facts)
    table.rows.push_back({std::move(fact.what), std::move(fact.foundBy)});
  return table;
}

Result<DataTable> structureRanksTable(const TableRequest& request) {
  DataTable table{"structure-ranks",
                  {{"rank"},
                   {"stage"},
                   {"stageFoundBy"},
                   {"tensorIndex"},
                   {"tensorFoundBy"},
                   {"dataIndex"},
                   {"dataFoundBy"}},
                  {},
                  {"an empty place is not known"}};
  const auto known = [](int32_t value) { return value >= 0 ? Cell(int64_t{value}) : Cell(); };
  for (const KnownPlace& row : inferStructure(request.trace(), request.hint, request.stop).ranks) {
    table.rows.push_back({int64_t{row.place.rank}, known(row.place.stage), row.stageFrom,
                          known(row.place.tensorIndex), row.tensorFrom, known(row.place.dataIndex),
                          row.dataFrom});
  }
  return table;
}

}  // namespace caracal::analysis
