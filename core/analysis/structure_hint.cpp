// parseHint() and applyHint() of structure.h.
#include <algorithm>
#include <map>

#include "core/analysis/pass_ranges.h"
#include "core/analysis/profiler_steps.h"
#include "core/analysis/structure.h"
#include "core/analysis/trace_copy.h"
#include "core/base/json_reader.h"

namespace caracal::analysis {

using trace::Trace;

Result<StructureHint> parseHint(std::string_view json) {
  CARACAL_TRY(document, JsonDocument::parse(json));
  JsonNode root = document.root();
  root.schema("caracal.hint/1");
  StructureHint hint;
  hint.stepAnnotation = root.textOr("stepAnnotation", "");
  hint.forwardAnnotation = root.textOr("forwardAnnotation", "");
  hint.backwardAnnotation = root.textOr("backwardAnnotation", "");
  if (root.has("ranks")) {
    for (JsonNode& entry : root.objects("ranks")) {
      RankPlace place;
      place.rank = entry.integer32("rank", 0);
      place.stage = entry.integer32Or("stage", -1, 0);
      place.tensorIndex = entry.integer32Or("tensor", -1, 0);
      place.dataIndex = entry.integer32Or("data", -1, 0);
      entry.finish();
      hint.ranks.push_back(place);
    }
  }
  root.finish();
  if (const auto& error = document.error()) return tl::unexpected(*error);
  return hint;
}

Result<std::shared_ptr<const Trace>> applyHint(std::shared_ptr<const Trace> trace,
                                               const StructureHint& hint) {
  std::map<int32_t, uint32_t> indexOf;
  for (uint32_t index = 0; index < trace->ranks().size(); ++index)
    indexOf[trace->ranks()[index].rank] = index;
  for (const RankPlace& place : hint.ranks) {
    if (indexOf.count(place.rank) == 0)
      return fail(ErrorCode::kNotFound, "the hint places rank {}, which is not in the trace",
                  place.rank);
  }
  const std::map<std::string, std::string> annotations{
      {kStepAnnotationKey, hint.stepAnnotation},
      {kForwardAnnotationKey, hint.forwardAnnotation},
      {kBackwardAnnotationKey, hint.backwardAnnotation}};
  for (const auto& [key, name] : annotations) {
    if (!name.empty() && trace->names().find(name) == trace::StringTable::kAbsent) {
      return fail(ErrorCode::kNotFound,
                  "the hint gives \"{}\" as {}, but nothing in the trace is called that", name,
                  key);
    }
  }
  trace::TraceBuilder copy = copyTrace(*trace, [](uint32_t, int64_t timeNs) { return timeNs; });
  for (const RankPlace& place : hint.ranks) {
    trace::Rank& rank = copy.rank(indexOf[place.rank]);
    if (place.stage >= 0) rank.stage = place.stage;
    if (place.tensorIndex >= 0) rank.tensorIndex = place.tensorIndex;
    if (place.dataIndex >= 0) rank.dataIndex = place.dataIndex;
  }
  for (const auto& [key, name] : annotations) {
    if (!name.empty()) copy.meta()[key] = name;
  }
  return std::move(copy).finish();
}

}  // namespace caracal::analysis
