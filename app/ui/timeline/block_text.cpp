#include "app/ui/timeline/block_text.h"

#include <fmt/format.h>

#include <QCoreApplication>
#include <cctype>

#include "app/ui/qt_text.h"
#include "core/base/format.h"
#include "core/plan/plan.h"

namespace caracal::ui {
namespace {

using trace::EventArgs;
using trace::EventKind;

QString tr(const char* text) {
  return QCoreApplication::translate("BlockText", text);
}
// The end of a name before its parameter list or template arguments.
size_t endOfIdentifier(std::string_view name) {
  for (size_t i = 0; i < name.size(); ++i) {
    if (name[i] == '<' || name[i] == '(') return i;
  }
  return name.size();
}

// Facts of a table under construction; empty values are left out.
class Facts {
 public:
  void add(const QString& name, const QString& value) {
    if (!value.isEmpty()) m_facts.push_back({name, value});
  }
  void add(const QString& name, std::string_view value) { add(name, toQt(value)); }
  // For numbers where a negative one means "unknown".
  void addNumber(const QString& name, int64_t value) {
    if (value >= 0) add(name, QString::number(value));
  }
  std::vector<BlockFact> take() { return std::move(m_facts); }

 private:
  std::vector<BlockFact> m_facts;
};

QString exactDuration(int64_t ns) {
  return QStringLiteral("%1 (%2 ns)").arg(toQt(formatDuration(ns))).arg(ns);
}

void addPlacement(Facts& facts, const EventArgs& args, EventKind kind) {
  if (args.window == 0) {
    if (kind == EventKind::kRecompute) facts.add(tr("placement"), tr("on demand"));
    return;
  }
  const auto window = static_cast<plan::WindowId>(args.window - 1);
  if (args.window <= plan::kWindowCount) {
    facts.add(kind == EventKind::kRecompute ? tr("placement") : tr("window"), plan::name(window));
  }
}

void addArgs(Facts& facts, const trace::Trace& trace, const EventArgs& args, EventKind kind) {
  facts.addNumber(tr("micro-batch"), args.microBatch);
  facts.addNumber(tr("stage"), args.stage);
  facts.addNumber(tr("model chunk"), args.chunk);
  facts.addNumber(tr("step"), args.step);
  if (isScheduleWork(kind) && args.layer >= 0) facts.addNumber(tr("layer"), args.layer);
  addPlacement(facts, args, kind);
  facts.add(tr("collective"), trace::name(args.collective));
  if (args.bytes >= 0) {
    facts.add(tr("payload"),
              QStringLiteral("%1 (%2 B)").arg(toQt(formatBytes(args.bytes))).arg(args.bytes));
    if (args.collective != trace::CollectiveKind::kNone)
      facts.add(tr("data type"), trace.names()[args.dtype]);
  }
  if (args.group != trace::kNoIndex) {
    const trace::ProcessGroup& group = trace.processGroups()[args.group];
    facts.add(tr("process group"),
              fmt::format("{} {} ({} ranks)", group.name, group.description, group.size));
  }
  facts.addNumber(tr("peer rank"), args.peer);
  facts.addNumber(tr("sequence"), args.sequence);
  if (args.detail != 0) facts.add(tr("arguments"), trace.names()[args.detail]);
}

void describeEvent(Facts& facts, const SceneRun& run, trace::EventIndex event) {
  const trace::Trace& trace = *run.trace;
  facts.add(tr("name"), trace.name(event));
  facts.add(tr("kind"), trace::name(trace.kind(event)));
  facts.add(tr("duration"), exactDuration(trace.durationNs(event)));
  facts.add(tr("start"), exactDuration(trace.beginNs(event) + run.shiftNs));
  facts.add(tr("end"), exactDuration(trace.endNs(event) + run.shiftNs));
  if (const auto args = trace.args(event)) addArgs(facts, trace, *args, trace.kind(event));
  if (const trace::EventIndex launch = trace.launch(event); launch != trace::kNoIndex) {
    facts.add(tr("launched by"), trace.name(launch));
    facts.add(tr("launch to start"), exactDuration(trace.beginNs(event) - trace.beginNs(launch)));
  }
  const trace::Track& track = trace.tracks()[trace.trackOf(event)];
  facts.add(tr("track"), track.label);
  if (track.rank < trace.ranks().size()) {
    const trace::Rank& rank = trace.ranks()[track.rank];
    facts.addNumber(tr("rank"), rank.rank);
    facts.add(tr("device"), rank.deviceName);
    facts.add(tr("host"), rank.host);
    facts.add(tr("file"), rank.file);
  }
  facts.add(tr("time in the trace"), QString::number(trace.beginNs(event)) + QStringLiteral(" ns"));
}

void describeBubble(Facts& facts, const SceneBubble& bubble, const Row& row) {
  facts.add(tr("name"), tr("bubble"));
  facts.add(tr("cause"), analysis::label(bubble.cause));
  facts.add(tr("duration"), exactDuration(bubble.span.lengthNs()));
  facts.add(tr("start"), exactDuration(bubble.span.beginNs));
  facts.add(tr("end"), exactDuration(bubble.span.endNs));
  facts.addNumber(tr("step"), bubble.step);
  facts.addNumber(tr("stage"), row.stage);
  facts.addNumber(tr("replica"), row.replica);
}

// A block of the median over folded steps is no event.
void describeMedian(Facts& facts, const Scene& scene, uint32_t row, const Block& block) {
  std::string buffer;
  facts.add(tr("name"), blockText(scene, row, block, buffer));
  facts.add(tr("kind"), tr("median over the folded steps"));
  facts.add(tr("duration"), exactDuration(block.durationNs()));
  facts.add(tr("start in the step"), exactDuration(block.beginNs));
  facts.add(tr("end in the step"), exactDuration(block.endNs));
  facts.addNumber(tr("stage"), scene.rows[row].stage);
}

}  // namespace

std::string_view shortName(std::string_view name) {
  if (name.starts_with("void ")) name.remove_prefix(5);
  // Only C++ signatures are cut: other names hold these characters as plain text ("Iteration (3)").
  const bool signature =
      name.find("::") != std::string_view::npos || name.find('<') != std::string_view::npos;
  if (!signature) return name;
  const std::string_view head = name.substr(0, endOfIdentifier(name));
  const size_t scope = head.rfind("::");
  const std::string_view last = scope == std::string_view::npos ? head : head.substr(scope + 2);
  return last.empty() ? name : last;
}

std::string_view blockText(const Scene& scene, uint32_t row, const Block& block,
                           std::string& buffer) {
  if (isBubble(block.style.paint)) return analysis::label(causeOf(block.style.paint));
  const trace::Trace& trace = *scene.runOf(row).trace;
  const auto args = trace.args(block.source);
  if (trace.kind(block.source) != EventKind::kPass || !args || args->microBatch < 0) {
    return shortName(trace.name(block.source));
  }
  buffer = std::string(trace::name(args->pass));
  fmt::format_to(std::back_inserter(buffer), "{}", args->microBatch);
  if (args->chunk > 0) fmt::format_to(std::back_inserter(buffer), ".{}", args->chunk);
  return buffer;
}

std::vector<BlockFact> describeBlock(const Scene& scene, const BlockRef& ref) {
  Facts facts;
  const Block block = blockOf(scene, ref);
  const SceneRun& run = scene.runOf(ref.row);
  if (isBubble(block.style.paint)) {
    describeBubble(facts, scene.bubbles[block.source], scene.rows[ref.row]);
  } else if (scene.folded && scene.rows[ref.row].kind == RowKind::kStage) {
    describeMedian(facts, scene, ref.row, block);
  } else {
    describeEvent(facts, run, block.source);
  }
  facts.add(tr("run"), run.name);
  facts.add(tr("origin"), trace::name(run.trace->tag()));
  return facts.take();
}

}  // namespace caracal::ui
