// FateTable: for every tensor of a stage's kinds of layer, what may become of it, apart from the
// windows: kept, rebuilt early (`fwd.*`, `pipe`) or late (backward windows, on demand); what each
// holds at least, and what rebuilding asks for. Used by the searches of heu_search.cpp alone.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "core/planner/heu_problem.h"

namespace caracal::planner {

enum class Fate : uint8_t {
  kAbsent,
  kKept,
  kEarly,
  kLate,     // by the layer's attention segment
  kLateMlp,  // by its MLP segment, which comes first
};
inline constexpr size_t kFateCount = 5;
using Fates = std::vector<Fate>;  // per variable of HeuProblem

// By when a tensor must be there.
enum Level : uint8_t { kNotAsked, kAskedLate, kAskedMlp, kAskedEarly, kLevels };

// Of the inputs of what has this fate.
constexpr Level asked(Fate fate) {
  switch (fate) {
    case Fate::kEarly:
      return kAskedEarly;
    case Fate::kLateMlp:
      return kAskedMlp;
    case Fate::kLate:
      return kAskedLate;
    default:
      return kNotAsked;
  }
}

struct FateVariable {
  std::vector<size_t> inputs, consumers;
  std::vector<size_t> onlyInputs;  // of the inputs: made for this tensor alone
  bool mayBeEarly = false;
  bool collective = false;
  bool needed = false;
  Level deadline = kNotAsked;  // by the backward that reads it
  int64_t ns = 0;              // to rebuild it, over the layers
  std::array<Rows, kFateCount> bytes{};
  Rows lateSourceBytes{};  // beyond that when held only for late work (isLateSource)

  const Rows& bytesOf(Fate fate) const { return bytes[static_cast<size_t>(fate)]; }
};

class FateTable {
 public:
  FateTable(const HeuProblem& problem, const StageModel& model);

  size_t size() const { return m_variables.size(); }
  const FateVariable& operator[](size_t variable) const { return m_variables[variable]; }
  const Rows& baseBytes() const { return m_baseBytes; }

  // With the fates of its consumers known; a consumer not decided yet must be kAbsent.
  Level levelOf(size_t variable, const Fates& fates) const;
  Rows bytesOf(size_t variable, Fate fate, const Fates& fates) const;
  // Held, though backward does not read it, until late work has read it.
  bool isLateSource(size_t variable, Fate fate, const Fates& fates) const;

 private:
  Rows m_baseBytes;
  std::vector<FateVariable> m_variables;
};

}  // namespace caracal::planner
