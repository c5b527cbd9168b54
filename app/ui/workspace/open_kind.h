// What a path holds, as far as opening it goes.
#pragma once

#include <cstdint>
#include <string>

namespace caracal::ui {

enum class OpenKind : uint8_t { kTrace, kProject, kProfile, kPlan, kModel };

// By name for projects, by the document's own "schema" for profiles and plans, by its keys for
// model descriptions; everything else is for the trace importers to accept or refuse.
OpenKind openKindOf(const std::string& path);

}  // namespace caracal::ui
