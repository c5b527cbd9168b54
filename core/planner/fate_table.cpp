#include "core/planner/fate_table.h"

#include <algorithm>

namespace caracal::planner {
namespace {

bool isEarly(Choice choice) {
  return choice == Choice::kFwdAttn || choice == Choice::kFwdMlp || choice == Choice::kPipe;
}

void setBytes(const Variable& variable, FateVariable& fates) {
  Rows late;
  late.fill(kNoLimit);
  Rows early = late;
  for (const Choice choice : variable.recomputeChoices) {
    Rows& least = isEarly(choice) ? early : late;
    fates.mayBeEarly |= isEarly(choice);
    if (variable.needed && slotOf(choice) > variable.deadline) continue;
    for (size_t row = 0; row < kRowCount; ++row)
      least[row] = std::min(least[row], variable.bytes[static_cast<size_t>(choice)][row]);
  }
  fates.bytes = {variable.bytes[static_cast<size_t>(Choice::kDiscard)],
                 variable.bytes[static_cast<size_t>(Choice::kRetain)], early, late,
                 variable.bytes[static_cast<size_t>(Choice::kOnDemandMlp)]};
  fates.lateSourceBytes = variable.lateSourceBytes;
}

}  // namespace

FateTable::FateTable(const HeuProblem& problem, const StageModel& model)
    : m_baseBytes(problem.baseBytes()), m_variables(problem.variables().size()) {
  const auto& variables = problem.variables();
  for (size_t v = 0; v < variables.size(); ++v) {
    const Variable& variable = variables[v];
    const auto kind = static_cast<size_t>(variable.kind);
    FateVariable& fates = m_variables[v];
    for (int16_t input : model.shape().graphs.kinds[kind].operators[variable.op].inputs) {
      if (input < 0) continue;
      const size_t source = problem.variableOf(variable.kind, input);
      if (std::find(fates.inputs.begin(), fates.inputs.end(), source) != fates.inputs.end())
        continue;
      fates.inputs.push_back(source);
      m_variables[source].consumers.push_back(v);
    }
    fates.collective = variable.collective;
    fates.needed = variable.needed;
    if (variable.needed)
      fates.deadline = variable.deadline == plan::Slot::kOnDemandMlp ? kAskedMlp : kAskedLate;
    fates.ns = variable.layers * variable.forwardNs;
    setBytes(variable, fates);
  }
  for (FateVariable& fates : m_variables) {
    for (const size_t input : fates.inputs) {
      const FateVariable& source = m_variables[input];
      if (!source.needed && source.consumers.size() == 1) fates.onlyInputs.push_back(input);
    }
  }
}

Level FateTable::levelOf(size_t variable, const Fates& fates) const {
  const FateVariable& v = m_variables[variable];
  Level level = v.deadline;
  for (const size_t consumer : v.consumers) level = std::max(level, asked(fates[consumer]));
  return level;
}

bool FateTable::isLateSource(size_t variable, Fate fate, const Fates& fates) const {
  const FateVariable& v = m_variables[variable];
  if ((fate != Fate::kKept && fate != Fate::kEarly) || v.needed) return false;
  return std::any_of(v.consumers.begin(), v.consumers.end(),
                     [&](size_t consumer) { return fates[consumer] >= Fate::kLate; });
}

Rows FateTable::bytesOf(size_t variable, Fate fate, const Fates& fates) const {
  const FateVariable& v = m_variables[variable];
  Rows bytes = v.bytesOf(fate);
  if (!isLateSource(variable, fate, fates)) return bytes;
  for (size_t row = 0; row < kRowCount; ++row) bytes[row] += v.lateSourceBytes[row];
  return bytes;
}

}  // namespace caracal::planner
