#include "core/profile/pass_work.h"

#include <algorithm>

#include "core/analysis/collectives.h"
#include "core/analysis/transfers.h"
#include "core/trace/args_of.h"

namespace caracal::profile {
namespace {

using analysis::WorkKind;
using trace::EventIndex;
using trace::EventKind;
using trace::Trace;

KernelClass classOf(WorkKind kind) {
  if (kind == WorkKind::kGemm) return KernelClass::kMatrix;
  return kind == WorkKind::kAttention ? KernelClass::kAttention : KernelClass::kOther;
}

std::string_view withoutNumber(std::string_view name) {
  if (!name.starts_with("triton_")) return name;
  const size_t last = name.find_last_not_of("0123456789");
  return last + 1 < name.size() && name[last] == '_' ? name.substr(0, last) : name;
}

}  // namespace

PassReader::PassReader(const Trace& trace, LayerCollectives collectives)
    : m_trace(trace), m_collectives(collectives), m_kinds(trace, m_comm), m_filter(trace, m_comm) {
  for (const auto& match : analysis::matchCollectives(trace, m_comm).matched) {
    for (const auto& member : match.members) m_transferNs[member.event] = match.transferNs;
  }
  findProducts();
}

void PassReader::findProducts() {
  for (trace::TrackIndex index = 0; index < m_trace.tracks().size(); ++index) {
    const trace::Track& track = m_trace.tracks()[index];
    if (track.kind != trace::TrackKind::kCpuThread) continue;
    for (EventIndex e = track.firstEvent; e < track.firstEvent + track.eventCount; ++e) {
      if (m_trace.kind(e) != EventKind::kCpuOp) continue;
      const trace::EventArgs args = trace::argsOf(m_trace, e);
      if (args.bytes > 0 && args.collective == trace::CollectiveKind::kNone)
        m_products[index].push_back({m_trace.span(e), args.bytes});
    }
  }
}

std::vector<Work> PassReader::read(const analysis::StageStep& step,
                                   const analysis::PassSpan& pass) {
  std::vector<Work> works;
  for (const trace::Track& track : m_trace.tracks()) {
    if (track.rank != step.rankIndex || track.kind != trace::TrackKind::kGpuStream) continue;
    for (EventIndex e = track.firstEvent; e < track.firstEvent + track.eventCount; ++e) {
      if (m_trace.kind(e) != EventKind::kKernel) continue;
      const trace::EventArgs args = trace::argsOf(m_trace, e);
      const bool own = args.pass == pass.pass && args.microBatch == pass.microBatch &&
                       std::max(args.chunk, 0) == pass.chunk && args.step == step.step;
      const bool leftOut = m_collectives == LayerCollectives::kLeftOut && m_filter.isCommKernel(e);
      if (own && !leftOut) works.push_back(workOf(e, args));
    }
  }
  std::stable_sort(works.begin(), works.end(),
                   [](const Work& a, const Work& b) { return a.beginNs < b.beginNs; });
  return works;
}

Work PassReader::workOf(EventIndex e, const trace::EventArgs& args) {
  Work work{.symbol = symbolOf(m_trace.nameId(e)),
            .ns = m_trace.durationNs(e),
            .beginNs = m_trace.beginNs(e)};
  work.collective = m_filter.isCommKernel(e);
  if (!work.collective) {
    work.kind = classOf(m_kinds.of(e));
    if (work.kind == KernelClass::kMatrix) work.bytes = productBytes(e);
    return work;
  }
  work.bytes = args.bytes;
  const auto matched = m_transferNs.find(e);
  if (matched != m_transferNs.end()) work.ns = matched->second;
  return work;
}

uint32_t PassReader::symbolOf(trace::NameId name) {
  const std::string_view text = withoutNumber(m_trace.names()[name]);
  return m_symbols.try_emplace(std::string(text), static_cast<uint32_t>(m_symbols.size()))
      .first->second;
}

// Products do not nest in one another: the last that began before the launch decides.
int64_t PassReader::productBytes(EventIndex kernel) {
  const EventIndex launch = m_trace.launch(kernel);
  if (launch == trace::kNoIndex) return -1;
  const auto thread = m_products.find(m_trace.trackOf(launch));
  if (thread == m_products.end()) return -1;
  const int64_t atNs = m_trace.beginNs(launch);
  const auto after = std::partition_point(thread->second.begin(), thread->second.end(),
                                          [&](const Product& p) { return p.span.beginNs <= atNs; });
  if (after == thread->second.begin()) return -1;
  const Product& product = *std::prev(after);
  return atNs < product.span.endNs ? product.bytes : -1;
}

}  // namespace caracal::profile
