#include "core/import/kineto/event_collector.h"

#include <algorithm>
#include <cctype>

#include "core/import/chrome/decimal.h"
#include "core/import/kineto/arguments.h"
#include "core/import/kineto/categories.h"
#include "core/import/kineto/matrix_products.h"

namespace caracal::import::kineto {
namespace {

using chrome::ChromeEvent;
using chrome::EventTime;
using chrome::unsignedInteger;
using chrome::withoutQuotes;
using trace::Defect;
using trace::EventArgs;
using trace::EventIndex;
using trace::EventKind;
using trace::TrackIndex;

constexpr int64_t kMicrosecondNs = 1000;
constexpr std::string_view kUnnamed = "(unnamed)";
constexpr std::string_view kStepPrefix = "ProfilerStep#";
constexpr std::string_view kCollectiveOp = "record_param_comms";
constexpr std::string_view kMemoryInstant = "[memory]";

uint64_t idOf(std::string_view json) {
  return unsignedInteger(withoutQuotes(json)).value_or(0);
}

// Kernels of NCCL and RCCL, which may lack metadata; what counts as communication is analysis'
// decision.
bool looksLikeCollective(std::string_view kernel) {
  return kernel.find("nccl") != std::string_view::npos ||
         kernel.find("rccl") != std::string_view::npos;
}

}  // namespace

EventCollector::EventCollector(const trace::Selection& selection, trace::EarlyCut cut)
    : m_cut(cut),
      m_rank(m_builder.addRank({.rank = -1})),
      m_rows(m_builder, m_rank),
      m_counters(m_rank) {
  if (selection.toNs) m_lengthNs = std::clamp<int64_t>(*selection.toNs, 0, chrome::kLatestNs);
  // A span of time counts from the first event of any kind, which must then be there.
  if (selection.fromNs || selection.toNs) return;
  // Calls launch work, and work says which device a rank has: both stay until the end.
  for (const EventKind kind :
       {EventKind::kSync, EventKind::kGpuAnnotation, EventKind::kCudaEvent, EventKind::kCpuOp,
        EventKind::kAnnotation, EventKind::kPythonFunction, EventKind::kOverhead}) {
    m_unwanted[static_cast<size_t>(kind)] = !selection.takesKind(kind);
  }
}

bool EventCollector::isUnwanted(const ChromeEvent& event, const Category& category) const {
  // Collectives give their arguments to the kernels they launch.
  return m_unwanted[static_cast<size_t>(category.kind)] && event.name != kCollectiveOp;
}

void EventCollector::take(const ChromeEvent& event) {
  switch (event.phase) {
    case 'X':
      return takeComplete(event);
    case 'i':
    case 'I':
      return takeInstant(event);
    case 's':
    case 't':
    case 'f':
      return m_flows.add(event, m_rows, m_builder.report());
    case 'M':
      return takeMetadata(event);
    case 'C':
      return takeCounter(event);
    case 'B':
      return takeBegin(event);
    case 'E':
      return takeEnd(event);
    default:
      m_builder.report().count(Defect::kUnknownPhase);
  }
}

void EventCollector::takeMetadata(const ChromeEvent& event) {
  const bool thread = event.name == "thread_name";
  if (!thread && event.name != "process_name") return;
  const std::string name = chrome::unescaped(argumentsOf(event.arguments).name);
  thread ? m_rows.nameThread(event, name) : m_rows.nameProcess(event, name);
}

void EventCollector::takeComplete(const ChromeEvent& event) {
  const Category category = categoryOf(event.category);
  if (isUnwanted(event, category)) {
    m_builder.report().count(Defect::kLeftOutByRequest);
    return;
  }
  const auto time = chrome::timeOf(event, m_builder.report());
  if (!time) return;
  if (isTooLate(*time) || isTooEarly(event, *time, category))
    return leaveOut(event, *time, category);
  const EventIndex index = add(event, *time, category);
  if (time->beginNs == 0) {
    m_zeroTimes.push_back(index);
  } else {
    m_firstNs = std::min(m_firstNs, time->beginNs);
  }
}

// The run's first event comes no later than the first that was seen here, so what begins too late
// after that one is too late. What launched work that is not comes before it.
bool EventCollector::isTooLate(chrome::EventTime time) const {
  return m_lengthNs && m_firstNs != std::numeric_limits<int64_t>::max() &&
         time.beginNs >= m_firstNs && time.beginNs - m_firstNs >= *m_lengthNs;
}

// Calls and collectives tell of work that may come much later.
bool EventCollector::isTooEarly(const ChromeEvent& event, EventTime time,
                                const Category& category) {
  if (time.beginNs == 0) return false;
  if (m_cut.awaitsBegin()) m_cut.runBegins(time.beginNs, m_builder);
  return !m_cut.takes({time.beginNs, time.beginNs + time.durationNs}) &&
         category.kind != EventKind::kRuntime && event.name != kCollectiveOp;
}

// What others need to know of the event stays: its row, its device, its process group, that flows
// may belong to it.
void EventCollector::leaveOut(const ChromeEvent& event, EventTime time, const Category& category) {
  m_builder.leaveOut({time.beginNs, time.beginNs + time.durationNs});
  if (time.beginNs != 0) m_firstNs = std::min(m_firstNs, time.beginNs);
  m_lastNs = std::max(m_lastNs, time.beginNs + time.durationNs);
  m_isFinerThanMicroseconds |= time.beginNs % kMicrosecondNs != 0;
  if (!category.known) m_builder.report().count(Defect::kUnknownCategory);
  if (event.name.empty()) m_builder.report().count(Defect::kMissingName);
  if (category.row == RowKind::kGpu) {
    const Arguments arguments = argumentsOf(event.arguments);
    const TrackIndex row = m_rows.gpuRow(event, arguments);
    if (trace::isGpuWork(category.kind)) ++m_workOfDevice[m_builder.track(row).device];
    m_groups.argsOf(arguments, m_builder);
  } else if (category.row == RowKind::kHost) {
    const TrackIndex row = m_rows.hostRow(event);
    if (category.kind == EventKind::kCpuOp) m_flows.noteLeftOut(row, time);
  } else {
    m_rows.genericRow(event);
  }
}

void EventCollector::takeInstant(const ChromeEvent& event) {
  const auto begin = chrome::beginOf(event, m_builder.report());
  if (!begin) return;
  if (event.name == kMemoryInstant) {
    m_counters.addMemory(argumentsOf(event.arguments), *begin);
    return;
  }
  const TrackIndex row =
      event.category == "cpu_instant_event" ? m_rows.hostRow(event) : m_rows.genericRow(event);
  m_builder.add({row, EventKind::kInstant, nameOf(event), *begin, 0});
}

void EventCollector::takeCounter(const ChromeEvent& event) {
  const auto begin = chrome::beginOf(event, m_builder.report());
  if (begin) m_counters.addSample(event, *begin);
}

void EventCollector::takeBegin(const ChromeEvent& event) {
  const auto begin = chrome::beginOf(event, m_builder.report());
  if (!begin) return;
  const EventIndex index = add(event, {*begin, 0}, categoryOf(event.category));
  m_openRanges.begin(m_builder.trackOf(index), m_builder.intern(event.name), index);
}

void EventCollector::takeEnd(const ChromeEvent& event) {
  const auto end = chrome::beginOf(event, m_builder.report());
  if (!end) return;
  m_lastNs = std::max(m_lastNs, *end);
  const Category category = categoryOf(event.category);
  const TrackIndex row = category.row == RowKind::kGpu
                             ? m_rows.gpuRow(event, argumentsOf(event.arguments))
                         : category.row == RowKind::kHost ? m_rows.hostRow(event)
                                                          : m_rows.genericRow(event);
  m_openRanges.end(row, m_builder.intern(event.name), *end, m_builder);
}

trace::NameId EventCollector::nameOf(const ChromeEvent& event) {
  if (!event.name.empty()) return m_builder.intern(event.name);
  m_builder.report().count(Defect::kMissingName);
  return m_builder.intern(kUnnamed);
}

EventIndex EventCollector::add(const ChromeEvent& event, EventTime time, const Category& category) {
  m_lastNs = std::max(m_lastNs, time.beginNs + time.durationNs);
  m_isFinerThanMicroseconds |= time.beginNs % kMicrosecondNs != 0;
  if (!category.known) m_builder.report().count(Defect::kUnknownCategory);
  if (category.row == RowKind::kGpu) return addGpu(event, time, category.kind);
  if (category.row == RowKind::kHost) return addHost(event, time, category.kind);
  return m_builder.add(
      {m_rows.genericRow(event), category.kind, nameOf(event), time.beginNs, time.durationNs});
}

EventIndex EventCollector::addGpu(const ChromeEvent& event, EventTime time, EventKind kind) {
  const Arguments arguments = argumentsOf(event.arguments);
  const TrackIndex row = m_rows.gpuRow(event, arguments);
  const uint64_t correlation = trace::isGpuWork(kind) ? idOf(arguments.correlation) : 0;
  const EventIndex index =
      m_builder.add({row, kind, nameOf(event), time.beginNs, time.durationNs, correlation});
  if (kind == EventKind::kGpuAnnotation) addStep(index, event.name);
  if (!trace::isGpuWork(kind)) return index;

  ++m_workOfDevice[m_builder.track(row).device];
  if (!event.hasArguments) m_builder.report().count(Defect::kMissingArgs);
  correlation == 0 ? m_flows.needsLaunch(index) : m_flows.noteWork(correlation);
  if (kind == EventKind::kKernel) {
    addKernelArgs(index, event, arguments);
  } else if (const auto bytes = chrome::signedInteger(withoutQuotes(arguments.bytes))) {
    m_builder.setArgs(index, {.bytes = *bytes});
  }
  return index;
}

trace::NameId EventCollector::launchDetailOf(const Arguments& arguments) {
  m_shape.clear();
  for (const std::string_view part :
       {arguments.grid, arguments.block, arguments.registers, arguments.sharedMemory}) {
    m_shape.append(part).push_back('\n');
  }
  const auto [found, isNew] = m_launchDetails.try_emplace(m_shape, trace::NameId{0});
  if (isNew) found->second = m_builder.intern(launchDetail(arguments));
  return found->second;
}

void EventCollector::addKernelArgs(EventIndex kernel, const ChromeEvent& event,
                                   const Arguments& arguments) {
  const trace::NameId detail = launchDetailOf(arguments);
  if (auto args = m_groups.argsOf(arguments, m_builder)) {
    args->externalId = idOf(arguments.externalId);
    args->detail = detail;
    m_builder.setArgs(kernel, *args);
    return;
  }
  if (detail != 0) m_builder.setArgs(kernel, {.detail = detail});
  if (looksLikeCollective(event.name) && !arguments.externalId.empty()) {
    m_bareCollectives.kernels.push(kernel);
    m_bareCollectives.externalIds.push(static_cast<int64_t>(idOf(arguments.externalId)));
  }
}

EventIndex EventCollector::addHost(const ChromeEvent& event, EventTime time, EventKind kind) {
  const TrackIndex row = m_rows.hostRow(event);
  const bool collective = kind == EventKind::kCpuOp && event.name == kCollectiveOp;
  const uint64_t correlation = collective || kind == EventKind::kRuntime
                                   ? idOf(argumentNamed(event.arguments, "correlation"))
                                   : 0;
  const EventIndex index =
      m_builder.add({row, kind, nameOf(event), time.beginNs, time.durationNs, correlation});
  if (kind == EventKind::kRuntime) m_flows.noteCall(correlation, time);
  if (kind == EventKind::kAnnotation) addStep(index, event.name);
  if (kind == EventKind::kCpuOp && isMatrixProduct(event.name)) {
    const Arguments arguments = argumentsOf(event.arguments);
    const auto bytes =
        matrixProductBytes(event.name, arguments.inputDimensions, arguments.inputTypes);
    if (bytes) m_builder.setArgs(index, {.bytes = *bytes});
  }
  if (collective) {
    const Arguments arguments = argumentsOf(event.arguments);
    if (auto args = m_groups.argsOf(arguments, m_builder)) {
      args->externalId = idOf(arguments.externalId);
      m_builder.setArgs(index, *args);
      if (args->externalId != 0) m_collectiveOps.emplace(args->externalId, index);
    }
  }
  return index;
}

void EventCollector::addStep(EventIndex event, std::string_view name) {
  if (name.substr(0, kStepPrefix.size()) != kStepPrefix) return;
  const auto step = chrome::signedInteger(name.substr(kStepPrefix.size()));
  if (!step || *step < 0 || *step > std::numeric_limits<int32_t>::max()) return;
  m_builder.setArgs(event, {.step = static_cast<int32_t>(*step)});
}

}  // namespace caracal::import::kineto
