#include "core/planner/operator_budget.h"

#include <algorithm>
#include <numeric>
#include <utility>

namespace caracal::planner {
namespace {

using plan::Placement;
using plan::PlacementKind;
using profile::LayerKind;
using profile::Operator;

enum class Fate : uint8_t { kFree, kSaved, kRepeated, kContradiction };

Fate both(Fate a, Fate b) {
  if (a == Fate::kFree || a == b) return b;
  return b == Fate::kFree ? a : Fate::kContradiction;
}

// Operators that share one decision.
struct Group {
  std::vector<size_t> members;
  Fate fate = Fate::kFree;
  int64_t bytes = 0;
  int64_t runtimeNs = 0;
};

Fate fateOf(const BudgetOperator& op, size_t index, RandomRule random) {
  Fate fate = op.view ? Fate::kRepeated : Fate::kFree;
  if (op.inPlaceOf == static_cast<int32_t>(index)) fate = both(fate, Fate::kSaved);
  if (op.random && random == RandomRule::kSaved) fate = both(fate, Fate::kSaved);
  return fate;
}

std::vector<Group> groupsOf(const std::vector<BudgetOperator>& operators, RandomRule random) {
  std::vector<size_t> root(operators.size());
  std::iota(root.begin(), root.end(), size_t{0});
  const auto find = [&](size_t i) {
    while (root[i] != i) i = root[i];
    return i;
  };
  std::optional<size_t> firstRandom;
  for (size_t i = 0; i < operators.size(); ++i) {
    if (operators[i].inPlaceOf >= 0)
      root[find(i)] = find(static_cast<size_t>(operators[i].inPlaceOf));
    if (!operators[i].random) continue;
    if (firstRandom) root[find(i)] = find(*firstRandom);
    firstRandom = i;
  }
  std::vector<Group> byRoot(operators.size());
  for (size_t i = 0; i < operators.size(); ++i) {
    Group& group = byRoot[find(i)];
    group.members.push_back(i);
    group.fate = both(group.fate, fateOf(operators[i], i, random));
    group.bytes += operators[i].bytes;
    group.runtimeNs += operators[i].runtimeNs;
  }
  std::erase_if(byRoot, [](const Group& group) { return group.members.empty(); });
  return byRoot;
}

// Keeps of the selections those that no other beats with as few bytes.
void keepBest(std::vector<OperatorSelection>& selections) {
  std::stable_sort(selections.begin(), selections.end(),
                   [](const OperatorSelection& a, const OperatorSelection& b) {
                     return std::pair(a.bytes, -a.runtimeNs) < std::pair(b.bytes, -b.runtimeNs);
                   });
  int64_t longestNs = -1;
  std::erase_if(selections, [&](const OperatorSelection& selection) {
    if (selection.runtimeNs <= longestNs) return true;
    longestNs = selection.runtimeNs;
    return false;
  });
}

OperatorSelection with(OperatorSelection selection, const Group& group) {
  for (const size_t member : group.members) selection.saved[member] = true;
  selection.bytes += group.bytes;
  selection.runtimeNs += group.runtimeNs;
  return selection;
}

std::vector<BudgetOperator> operatorsOf(const LayerKind& kind) {
  std::vector<BudgetOperator> operators;
  for (const Operator& op : kind.operators) {
    BudgetOperator& entry = operators.emplace_back();
    entry.runtimeNs = op.forwardNs;
    entry.bytes = op.retainedBytes();
    entry.view = op.kind == profile::OperatorKind::kView;
  }
  // The layer's output is the next layer's checkpoint, whatever is chosen here.
  operators.back().bytes = kind.operators.back().savedBytes;
  return operators;
}

std::vector<Placement> placementsOf(const LayerKind& kind, const std::vector<bool>& saved) {
  size_t end = kind.operators.size();
  while (end > 0 && (saved[end - 1] || !kind.operators[end - 1].needed())) --end;
  std::vector<Placement> placements(kind.operators.size(), {PlacementKind::kDiscarded});
  for (size_t op = 0; op < placements.size(); ++op) {
    if (saved[op]) {
      const bool read = kind.operators[op].needed() || op < end;
      if (read) placements[op] = {PlacementKind::kRetained};
    } else if (op < end) {
      placements[op] = {PlacementKind::kOnDemand};
    }
  }
  return placements;
}

}  // namespace

std::vector<OperatorSelection> operatorSelections(const std::vector<BudgetOperator>& operators,
                                                  RandomRule random) {
  std::vector<OperatorSelection> selections{{std::vector<bool>(operators.size()), 0, 0}};
  for (const Group& group : groupsOf(operators, random)) {
    if (group.fate == Fate::kContradiction) return {};
    if (group.fate == Fate::kRepeated) continue;
    const size_t before = selections.size();
    for (size_t i = 0; i < before; ++i) {
      OperatorSelection saved = with(selections[i], group);
      if (group.fate == Fate::kSaved)
        selections[i] = std::move(saved);
      else
        selections.push_back(std::move(saved));
    }
    keepBest(selections);
  }
  return selections;
}

std::optional<OperatorSelection> selectOperators(const std::vector<BudgetOperator>& operators,
                                                 int64_t budgetBytes, RandomRule random) {
  const std::vector<OperatorSelection> selections = operatorSelections(operators, random);
  for (auto best = selections.rbegin(); best != selections.rend(); ++best) {
    if (best->bytes <= budgetBytes) return *best;
  }
  return std::nullopt;
}

OperatorBudgetPolicy::OperatorBudgetPolicy(const profile::Profile& profile) {
  for (const LayerKind& kind : profile.kinds) {
    const std::vector<BudgetOperator> operators = operatorsOf(kind);
    KindSelections& selections = m_kinds.emplace_back();
    for (const BudgetOperator& op : operators) selections.totalBytes += op.bytes;
    for (const OperatorSelection& selection :
         operatorSelections(operators, RandomRule::kAllOrNone)) {
      selections.bytes.push_back(selection.bytes);
      selections.placements.push_back(placementsOf(kind, selection.saved));
      m_fractions.push_back(selections.totalBytes == 0
                                ? 0.0
                                : static_cast<double>(selection.bytes) /
                                      static_cast<double>(selections.totalBytes));
    }
  }
  std::sort(m_fractions.begin(), m_fractions.end());
  m_fractions.erase(std::unique(m_fractions.begin(), m_fractions.end()), m_fractions.end());
}

KindPolicies OperatorBudgetPolicy::policiesAt(double fraction) const {
  KindPolicies policies;
  for (const KindSelections& kind : m_kinds) {
    size_t best = 0;
    for (size_t i = 0; i < kind.bytes.size(); ++i) {
      // The same division that made the fractions, so that each finds its own selection.
      const double share = kind.totalBytes == 0 ? 0.0
                                                : static_cast<double>(kind.bytes[i]) /
                                                      static_cast<double>(kind.totalBytes);
      if (share <= fraction) best = i;
    }
    policies.push_back(kind.placements[best]);
  }
  return policies;
}

StageChoice OperatorBudgetPolicy::solve(const StageModel& model, int64_t budgetBytes) const {
  std::optional<StageChoice> least;
  for (auto fraction = m_fractions.rbegin(); fraction != m_fractions.rend(); ++fraction) {
    StageChoice choice = choiceOf(model, policiesAt(*fraction));
    choice.fits = choice.peakBytes <= budgetBytes;
    if (choice.fits) return choice;
    if (!least || choice.peakBytes < least->peakBytes) least = std::move(choice);
  }
  return std::move(*least);
}

}  // namespace caracal::planner
