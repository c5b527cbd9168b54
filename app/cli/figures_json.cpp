#include "app/cli/figures_json.h"

#include <nlohmann/json.hpp>

namespace caracal::cli {

using nlohmann::ordered_json;

ordered_json figuresJson(const analysis::DeviceFigures& row) {
  return {{"spanNs", row.spanNs},
          {"busyNs", row.busyNs},
          {"computeNs", row.computeNs},
          {"commNs", row.commNs},
          {"exposedCommNs", row.exposedCommNs},
          {"idleNs", row.idleNs},
          {"overlapPct", row.overlapPct}};
}

ordered_json rankFiguresJson(const analysis::DeviceFigures& row) {
  ordered_json json{{"rank", row.rank}, {"device", row.device}};
  json.update(figuresJson(row));
  return json;
}

}  // namespace caracal::cli
