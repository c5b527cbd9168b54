#include "core/import/pipeline/operation_collector.h"

#include <algorithm>
#include <limits>

#include "core/import/chrome/decimal.h"

namespace caracal::import::pipeline {
namespace {

using chrome::ChromeEvent;
using chrome::EventTime;
using chrome::signedInteger;
using chrome::withoutQuotes;
using trace::Defect;
using trace::EventArgs;
using trace::EventIndex;
using trace::EventKind;
using trace::TrackIndex;
using trace::TrackKind;

// What passes, transfers and marks say of themselves, in either tracer's words.
EventArgs argsOf(const ChromeEvent& event) {
  EventArgs args;
  for (const chrome::Argument& argument : event.arguments) {
    const auto number = signedInteger(withoutQuotes(argument.value));
    if (!number || *number < 0 || *number > std::numeric_limits<int32_t>::max()) continue;
    const auto value = static_cast<int32_t>(*number);
    if (argument.key == "step" || argument.key == "iteration") args.step = value;
    if (argument.key == "mb_id" || argument.key == "microbatch") args.microBatch = value;
    if (argument.key == "model_chunk") args.chunk = value;
    if (argument.key == "pp_rank") args.stage = value;
  }
  return args;
}

// Until the ranks are known a transfer's peer is kTowardsBefore or kTowardsAfter, and the group of
// a collective of replicas is kReplicas: completeArguments() puts the true ones there.
void setOperation(EventArgs& args, const Operation& operation) {
  args.pass = operation.pass;
  args.collective = operation.collective;
  if (operation.towards != 0)
    args.peer = operation.towards < 0 ? OperationCollector::kTowardsBefore
                                      : OperationCollector::kTowardsAfter;
  if (operation.overReplicas) args.group = OperationCollector::kReplicas;
}

}  // namespace

void OperationCollector::take(const ChromeEvent& event) {
  const Row row{signedInteger(event.process).value_or(-1), signedInteger(event.thread).value_or(0)};
  if (event.phase == 'M') return takeMetadata(event, row);
  ++m_rows[row].records;
  if (!m_hasDecimals) m_hasDecimals = event.time.find('.') != std::string_view::npos;
  switch (event.phase) {
    case 'X':
      return takeComplete(event, row);
    case 'B':
      return takeBegin(event, row);
    case 'E':
      return takeEnd(event, row);
    case 'i':
    case 'I':
      return takeInstant(event, row);
    default:
      m_builder.report().count(Defect::kUnknownPhase);
  }
}

void OperationCollector::takeMetadata(const ChromeEvent& event, const Row& row) {
  for (const chrome::Argument& argument : event.arguments) {
    if (argument.key != "name") continue;
    if (event.name == "process_name")
      m_processNames[row.process] = chrome::unescaped(argument.value);
    if (event.name == "thread_name") m_rows[row].name = chrome::unescaped(argument.value);
  }
}

TrackIndex OperationCollector::trackOf(const Row& row, Layer layer) {
  const auto [found, isNew] = m_rows[row].tracks.try_emplace(layer, 0);
  if (isNew) found->second = m_builder.addTrack({.process = row.process, .id = row.thread});
  return found->second;
}

void OperationCollector::noteReplicaRow(const Row& row) {
  RowInfo& info = m_rows[row];
  if (!info.reduces) m_replicaRows.push_back(row);
  info.reduces = true;
}

// Begins and ends are met apart, so only complete events are left out. Of them what others need to
// know stays: the row, and how far the step reaches.
void OperationCollector::takeComplete(const ChromeEvent& event, const Row& row) {
  const auto time = chrome::timeOf(event, m_builder.report());
  if (!time) return;
  const Span span{time->beginNs, time->beginNs + time->durationNs};
  if (m_cut.awaitsBegin()) m_cut.runBegins(span.beginNs, m_builder);
  if (m_cut.takes(span)) {
    add(event, row, *time);
    return;
  }
  m_builder.leaveOut(span);
  m_lastNs = std::max(m_lastNs, span.endNs);
  const auto operation = operationOf(event.name);
  if (!operation) m_builder.report().count(Defect::kUnknownCategory);
  if (operation && operation->overReplicas) noteReplicaRow(row);
  trackOf(row, operation && operation->kind == EventKind::kPass ? Layer::kPasses : Layer::kWork);
  if (const int32_t step = argsOf(event).step; step >= 0) widenStep(m_leftOutSteps, step, span);
}

EventIndex OperationCollector::add(const ChromeEvent& event, const Row& row, EventTime time) {
  m_lastNs = std::max(m_lastNs, time.beginNs + time.durationNs);
  const auto operation = operationOf(event.name);
  if (!operation) m_builder.report().count(Defect::kUnknownCategory);
  EventArgs args = argsOf(event);
  setOperation(args, operation.value_or(Operation{}));
  const EventKind kind = operation ? operation->kind : EventKind::kOther;
  const std::string_view name =
      operation && !operation->name.empty() ? operation->name : event.name;
  const TrackIndex track = trackOf(row, kind == EventKind::kPass ? Layer::kPasses : Layer::kWork);
  if (operation && operation->overReplicas) noteReplicaRow(row);
  return m_builder.add({track, kind, m_builder.intern(name), time.beginNs, time.durationNs}, args);
}

void OperationCollector::takeBegin(const ChromeEvent& event, const Row& row) {
  const auto begin = chrome::beginOf(event, m_builder.report());
  if (!begin) return;
  const EventIndex index = add(event, row, {*begin, 0});
  m_openRanges.begin(m_builder.trackOf(index), m_builder.intern(event.name), index);
}

// MegatronApp's arguments stand on the end.
void OperationCollector::takeEnd(const ChromeEvent& event, const Row& row) {
  const auto end = chrome::beginOf(event, m_builder.report());
  if (!end) return;
  m_lastNs = std::max(m_lastNs, *end);
  const auto operation = operationOf(event.name);
  const bool isPass = operation && operation->kind == EventKind::kPass;
  const TrackIndex track = trackOf(row, isPass ? Layer::kPasses : Layer::kWork);
  const auto begun = m_openRanges.end(track, m_builder.intern(event.name), *end, m_builder);
  if (!begun) return;
  const EventArgs atBegin = m_builder.argsOf(*begun);
  EventArgs args = argsOf(event);
  setOperation(args, operation.value_or(Operation{}));
  if (args.step < 0) args.step = atBegin.step;
  if (args.microBatch < 0) args.microBatch = atBegin.microBatch;
  if (args.chunk < 0) args.chunk = atBegin.chunk;
  m_builder.setArgs(*begun, args);
}

void OperationCollector::takeInstant(const ChromeEvent& event, const Row& row) {
  const auto time = chrome::beginOf(event, m_builder.report());
  if (!time) return;
  const EventArgs args = argsOf(event);
  if (event.name == "iteration begin" && args.step >= 0) {
    m_marks[{row, args.step}].beginNs = *time;
  } else if (event.name == "iteration end" && args.step >= 0) {
    m_marks[{row, args.step}].endNs = *time;
  } else {
    m_builder.add(
        {trackOf(row, Layer::kMarks), EventKind::kInstant, m_builder.intern(event.name), *time, 0},
        args);
  }
}

}  // namespace caracal::import::pipeline
