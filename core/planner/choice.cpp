#include "core/planner/choice.h"

namespace caracal::planner {

using plan::Slot;
using plan::WindowId;

Slot slotOf(Choice choice) {
  switch (choice) {
    case Choice::kFwdAttn:
      return Slot::kFwdAttn;
    case Choice::kFwdMlp:
      return Slot::kFwdMlp;
    case Choice::kPipe:
      return Slot::kPipe;
    case Choice::kPrevBwdMlp:
      return Slot::kPrevBwdMlp;
    case Choice::kPrevBwdAttn:
      return Slot::kPrevBwdAttn;
    case Choice::kOwnBwdMlp:
      return Slot::kOwnBwdMlp;
    case Choice::kOnDemandMlp:
      return Slot::kOnDemandMlp;
    case Choice::kOnDemandAttn:
      return Slot::kOnDemandAttn;
    default:
      return Slot::kNone;
  }
}

plan::Placement placementOf(Slot slot) {
  const auto window = [](WindowId id) { return plan::Placement{plan::PlacementKind::kWindow, id}; };
  switch (slot) {
    case Slot::kFwdAttn:
      return window(WindowId::kFwdAttn);
    case Slot::kFwdMlp:
      return window(WindowId::kFwdMlp);
    case Slot::kPipe:
      return window(WindowId::kPipe);
    case Slot::kPrevBwdMlp:
      return window(WindowId::kPrevBwdMlp);
    case Slot::kPrevBwdAttn:
      return window(WindowId::kPrevBwdAttn);
    case Slot::kOwnBwdMlp:
      return window(WindowId::kOwnBwdMlp);
    default:
      return {plan::PlacementKind::kOnDemand};
  }
}

plan::Placement placementOf(Choice choice) {
  if (choice == Choice::kDiscard) return {plan::PlacementKind::kDiscarded};
  if (choice == Choice::kRetain) return {plan::PlacementKind::kRetained};
  return placementOf(slotOf(choice));
}

}  // namespace caracal::planner
