// "<name>.loss.json": what an export kept, changed and dropped, with both predictions.
#pragma once

#include <string>
#include <vector>

#include "core/export/exporter.h"

namespace caracal::exporter {

inline constexpr std::string_view kLossSchema = "caracal.export-loss/1";

// A choice of the target that was weighed and not taken.
struct Alternative {
  std::string words;
  int64_t stepNs = 0;
  bool fits = false;
};

// `result` needs target, version, losses, projected and both predictions.
std::string lossDocument(const ExportResult& result, const plan::Plan& plan,
                         const std::vector<Alternative>& alternatives);

}  // namespace caracal::exporter
