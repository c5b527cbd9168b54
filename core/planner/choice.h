// Choice: what HEU may decide about one tensor: drop it, keep it, or rebuild it in a slot.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/plan/plan.h"
#include "core/plan/recompute_slots.h"

namespace caracal::planner {

enum class Choice : uint8_t {
  kDiscard,
  kRetain,
  kFwdAttn,
  kFwdMlp,
  kPipe,
  kPrevBwdMlp,
  kPrevBwdAttn,
  kOwnBwdMlp,
  kOnDemandMlp,
  kOnDemandAttn,
  kCount
};
inline constexpr size_t kChoiceCount = static_cast<size_t>(Choice::kCount);

constexpr bool isRecompute(Choice choice) {
  return choice >= Choice::kFwdAttn;
}
plan::Slot slotOf(Choice choice);
plan::Placement placementOf(Choice choice);
plan::Placement placementOf(plan::Slot slot);  // of what is rebuilt in it

}  // namespace caracal::planner
