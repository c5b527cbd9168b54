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

comm::Pattern patternOf(model::Op op) {
  switch (op) {
    case model::Op::kAgAttn:
    case model::Op::kAgMlp:
    case model::Op::kAgHead:
      return comm::Pattern::kAllGather;
    case model::Op::kRsAttn:
    case model::Op::kRsMlp:
      return comm::Pattern::kReduceScatter;
    default:
      return comm::Pattern::kAllReduce;
  }
}

}  // namespace

// With sequence parallelism `bwd.ag.*` gather the gradient of a residual's branch, `bwd.regather.*`
// the input of qkv and fc1, `bwd.attn` and `bwd.mlp` sum its gradient and keep the rows.
std::vector<OperatorTable::WindowEntry> OperatorTable::windowsOf(
    const profile::LayerKind& kind) const {
  const bool splitsRows = kind.indexOf(std::string(model::id(model::Op::kAgMlp))) >= 0;
  std::vector<WindowEntry> entries;
  for (const profile::Window& window : kind.windows) {
    WindowEntry& entry = entries.emplace_back();
    const bool again = window.id.starts_with("bwd.regather.");
    if (again || window.id.starts_with("bwd.ag.")) {
      entry.pattern = comm::Pattern::kAllGather;
    } else if (splitsRows) {
      entry.pattern = comm::Pattern::kReduceScatter;
    }
    if (!again) continue;
    const model::Op reader = window.id == "bwd.regather.mlp" ? model::Op::kFc1 : model::Op::kQkv;
    for (const OperatorEntry& op : m_layer) {
      if (op.op == reader) entry.gatheredAgain = op.backwardReads.front();
    }
  }
  return entries;
}

comm::Pattern OperatorTable::pattern(const plan::Item& item) const {
  if (item.op >= 0) return patternOf(entry(item.layer, item.op).op);
  return m_windows[static_cast<size_t>(item.window)].pattern;
}

int16_t OperatorTable::gatheredAgain(const plan::Item& item) const {
  return m_windows[static_cast<size_t>(item.window)].gatheredAgain;
}

Result<OperatorTable> OperatorTable::of(const profile::Profile& profile) {
  OperatorTable table;
  CARACAL_TRY(first, entriesOf(profile.first.operators));
  CARACAL_TRY(layer, entriesOf(profile.kinds.front().operators));
  CARACAL_TRY(last, entriesOf(profile.last.operators));
  table.m_first = std::move(first);
  table.m_layer = std::move(layer);
  table.m_last = std::move(last);
  table.m_windows = table.windowsOf(profile.kinds.front());
  return table;
}

}  // namespace caracal::executor
