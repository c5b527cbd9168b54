#include "core/recorder/range_pairs.h"

#include <fmt/format.h>

namespace caracal::recorder {
namespace {

// NVTX_EVENTS.eventType, as Nsight Systems numbers it.
constexpr int64_t kPushPopRow = 59, kStartEndRow = 60, kMarkRow = 34;

std::string hexOf(std::string_view bytes) {
  std::string text;
  text.reserve(2 * bytes.size());
  for (const char c : bytes) fmt::format_to(std::back_inserter(text), "{:02x}", c & 0xFF);
  return text;
}

int64_t rowTypeOf(RecordKind kind) {
  if (kind == RecordKind::kRangePush) return kPushPopRow;
  return kind == RecordKind::kRangeStart ? kStartEndRow : kMarkRow;
}

}  // namespace

Result<RangePairs::Pending> RangePairs::pendingOf(const RecordView& view,
                                                  const RangeRecord& record) {
  Pending pending;
  const std::string_view text = textAfter(view, sizeof record, 0, record.textBytes);
  const std::string_view extended =
      textAfter(view, sizeof record, roundedUp(record.textBytes), record.extendedBytes);
  CARACAL_TRY(textId, m_tables.idOf(text));
  pending.row = {.beginNs = record.timeNs,
                 .eventType = rowTypeOf(view.kind),
                 .rangeId = record.rangeId,
                 .category = record.category,
                 .color = record.color,
                 .domain = record.domain,
                 .payloadType = record.payloadType,
                 .payload = record.payload,
                 .threadId = view.threadId,
                 .textId = textId};
  if (!extended.empty()) {
    pending.json = payloadJson(m_schemas, record.domain, extended);
    pending.binary = hexOf(extended);
  }
  return pending;
}

Result<void> RangePairs::write(Pending& pending, int64_t endNs) {
  pending.row.endNs = endNs;
  pending.row.json = pending.json;
  pending.row.binary = pending.binary;
  ++m_rows;
  return m_tables.add(pending.row);
}

Result<void> RangePairs::pop(uint32_t thread, const RangeRecord& record) {
  auto& stack = m_stacks[{thread, record.domain}];
  if (stack.empty()) {
    ++m_unmatched;
    return {};
  }
  CARACAL_CHECK_OK(write(stack.back(), record.timeNs));
  stack.pop_back();
  return {};
}

Result<void> RangePairs::end(uint32_t thread, const RangeRecord& record) {
  const auto started = m_started.find(record.rangeId);
  if (started == m_started.end()) {
    ++m_unmatched;
    return {};
  }
  started->second.row.endThreadId = thread;
  CARACAL_CHECK_OK(write(started->second, record.timeNs));
  m_started.erase(started);
  return {};
}

Result<void> RangePairs::add(const RecordView& view) {
  const auto* const record = recordAs<RangeRecord>(view);
  if (!record) return fail(ErrorCode::kInvalidInput, "an NVTX record is cut short");
  if (view.kind == RecordKind::kRangePop) return pop(view.threadId, *record);
  if (view.kind == RecordKind::kRangeEnd) return end(view.threadId, *record);
  CARACAL_TRY(pending, pendingOf(view, *record));
  if (view.kind == RecordKind::kRangePush) {
    m_stacks[{view.threadId, record->domain}].push_back(std::move(pending));
  } else if (view.kind == RecordKind::kRangeStart) {
    m_started[record->rangeId] = std::move(pending);
  } else {
    return write(pending, -1);
  }
  return {};
}

Result<void> RangePairs::finish() {
  for (auto& [where, stack] : m_stacks) {
    for (Pending& pending : stack) {
      ++m_open;
      CARACAL_CHECK_OK(write(pending, -1));
    }
  }
  for (auto& [id, pending] : m_started) {
    ++m_open;
    CARACAL_CHECK_OK(write(pending, -1));
  }
  return {};
}

}  // namespace caracal::recorder
