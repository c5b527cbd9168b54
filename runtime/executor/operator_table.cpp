#include "runtime/executor/operator_table.h"

#include <algorithm>
#include <string>
#include <string_view>

namespace caracal::executor {
namespace {

constexpr std::string_view kInputId = "input";

Result<int16_t> indexOf(const std::vector<profile::Operator>& operators, std::string_view id) {
  if (id == kInputId) return kLayerInput;
  const size_t bar = id.find('|');
  const std::string_view first = id.substr(0, bar);
  const auto found = std::find_if(operators.begin(), operators.end(),
                                  [&](const auto& op) { return op.id == first; });
  if (found == operators.end() && bar != std::string_view::npos)
    return indexOf(operators, id.substr(bar + 1));
  if (found == operators.end()) {
    return fail(ErrorCode::kUnsupported,
                "caracal-run needs an operator `{}`, which the plan's layers lack", id);
  }
  return static_cast<int16_t>(found - operators.begin());
}

Result<std::vector<OperatorEntry>> entriesOf(const std::vector<profile::Operator>& operators) {
  std::vector<OperatorEntry> entries;
  for (const profile::Operator& described : operators) {
    const auto op = model::opFromId(described.id);
    if (!op) {
      return fail(ErrorCode::kUnsupported, "caracal-run does not know the operator `{}`",
                  described.id);
    }
    OperatorEntry& entry = entries.emplace_back();
    entry.op = *op;
    for (const std::string& id : described.inputs) {
      CARACAL_TRY(index, indexOf(operators, id));
      entry.inputs.push_back(index);
    }
    for (const std::string_view id : model::backwardReads(*op)) {
      CARACAL_TRY(index, indexOf(operators, id));
      entry.backwardReads.push_back(index);
    }
  }
  return entries;
}

}  // namespace

Result<OperatorTable> OperatorTable::of(const profile::Profile& profile) {
  OperatorTable table;
  CARACAL_TRY(first, entriesOf(profile.first.operators));
  CARACAL_TRY(layer, entriesOf(profile.kinds.front().operators));
  CARACAL_TRY(last, entriesOf(profile.last.operators));
  table.m_first = std::move(first);
  table.m_layer = std::move(layer);
  table.m_last = std::move(last);
  return table;
}

}  // namespace caracal::executor
