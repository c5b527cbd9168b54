#include "core/trace/import_report.h"

namespace caracal::trace {

const DefectInfo& info(Defect defect) {
  static constexpr std::array<DefectInfo, static_cast<size_t>(Defect::kCount)> kInfos{{
      {"truncatedInput", Effect::kDropped,
       "The file, or the run that wrote it, ends in the middle; what came before was kept."},
      {"missingCloseBracket", Effect::kRepaired,
       "The event array is not closed; legal in old Chrome traces."},
      {"convertedEncoding", Effect::kRepaired,
       "The file was not plain UTF-8 (BOM or UTF-16) and was converted."},
      {"repairedText", Effect::kRepaired,
       "A name held bad bytes, escapes or control characters; they were replaced."},
      {"nonFiniteNumber", Effect::kRepaired,
       "NaN or Infinity stood where JSON allows none; read as null."},
      {"notAnObject", Effect::kDropped, "An entry of the event array is not an object."},
      {"unknownPhase", Effect::kDropped, "An event has no phase, or one that is not understood."},
      {"missingTimestamp", Effect::kDropped, "An event has no usable time."},
      {"missingDuration", Effect::kRepaired,
       "A complete event has no duration; drawn as an instant."},
      {"negativeDuration", Effect::kDropped, "An event ends before it begins."},
      {"badNumber", Effect::kRepaired,
       "A field that should be a number is not; the default was taken."},
      {"missingName", Effect::kRepaired, "An event has no name; shown as (unnamed)."},
      {"missingArgs", Effect::kNoted,
       "A GPU event has no args; its stream or device was guessed from its row."},
      {"unmatchedBegin", Effect::kRepaired,
       "A begun event never ends; closed at the end of the trace."},
      {"unmatchedEnd", Effect::kDropped, "An end without a begin."},
      {"unresolvedNameId", Effect::kRepaired,
       "A name id is not in the string table; the number is shown."},
      {"openRange", Effect::kRepaired,
       "A range was still open when recording stopped; closed there."},
      {"missingTable", Effect::kNoted,
       "A table or column that usually exists is missing; its facts are absent."},
      {"gpuWorkWithoutLaunch", Effect::kNoted, "GPU work whose launch is not in the recording."},
      {"duplicateRank", Effect::kNoted,
       "Two inputs claim one rank; the later one got the next free rank."},
      {"unknownRank", Effect::kNoted,
       "An input does not say its rank; ranks were given in file order."},
      {"droppedByRecorder", Effect::kNoted, "Records that the recorder itself says it lost."},
      {"unknownCategory", Effect::kNoted,
       "An event of a category that is not understood; kept on a generic lane."},
      {"recoveredBlocks", Effect::kRepaired,
       "Blocks of a recording that was cut short, recovered."},
      {"unreadableEvent", Effect::kDropped,
       "An event is not valid JSON and could not be repaired."},
      {"leftOutByRequest", Effect::kDropped,
       "Events that were asked to be left out (ranks, time, categories)."},
  }};
  return kInfos[static_cast<size_t>(defect)];
}

void ImportReport::add(const ImportReport& other) {
  for (size_t i = 0; i < counts.size(); ++i) counts[i] += other.counts[i];
  notes.insert(notes.end(), other.notes.begin(), other.notes.end());
}

}  // namespace caracal::trace
