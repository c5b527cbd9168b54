#include "profiler/activity_decoder.h"

namespace caracal::profiler {

using recorder::LossReason;
using recorder::RecordKind;

void ActivityDecoder::count(LossReason reason, uint64_t records) {
  m_lost[static_cast<size_t>(reason)] += records;
}

void ActivityDecoder::reportLosses(RecordBuffer& out) {
  for (uint32_t reason = 0; reason < recorder::kLossReasons; ++reason) {
    if (m_lost[reason] == 0) continue;
    auto& record = out.add<recorder::LossRecord>(RecordKind::kLoss);
    record.reason = static_cast<LossReason>(reason);
    record.records = std::exchange(m_lost[reason], 0);
  }
}

void ActivityDecoder::decode(const BufferPool::Full& buffer, RecordBuffer& out) {
  const uint8_t* const end = buffer.data + buffer.validBytes;
  CUpti_Activity* next = nullptr;
  const CUpti_Activity* record = nullptr;
  const auto finish = [&](const uint8_t* recordEnd) {
    if (!record) return;
    if (buffer.isDiscard) return count(LossReason::kNoBuffer, 1);
    decodeRecord(record, static_cast<size_t>(recordEnd - reinterpret_cast<const uint8_t*>(record)),
                 out);
  };
  while (m_api.getNextRecord(buffer.data, buffer.validBytes, &next) == CUPTI_SUCCESS) {
    finish(reinterpret_cast<const uint8_t*>(next));
    record = next;
  }
  finish(end);
}

void ActivityDecoder::decodeRecord(const CUpti_Activity* record, size_t bytes, RecordBuffer& out) {
  switch (record->kind) {
    case CUPTI_ACTIVITY_KIND_KERNEL:
    case CUPTI_ACTIVITY_KIND_CONCURRENT_KERNEL:
      return addKernel(record, bytes, out);
    case CUPTI_ACTIVITY_KIND_MEMCPY:
      return addCopy(record, bytes, out);
    case CUPTI_ACTIVITY_KIND_MEMCPY2:
      return addPeerCopy(record, bytes, out);
    case CUPTI_ACTIVITY_KIND_MEMSET:
      return addSet(record, bytes, out);
    case CUPTI_ACTIVITY_KIND_SYNCHRONIZATION:
      return addSynchronization(record, bytes, out);
    case CUPTI_ACTIVITY_KIND_OVERHEAD:
      return addOverhead(record, bytes, out);
    case CUPTI_ACTIVITY_KIND_RUNTIME:
    case CUPTI_ACTIVITY_KIND_DRIVER:
      return addApiCall(record, bytes, out);
    case CUPTI_ACTIVITY_KIND_EXTERNAL_CORRELATION:
      return addExternal(record, bytes, out);
    case CUPTI_ACTIVITY_KIND_GRAPH_TRACE:
      return addGraphLaunch(record, bytes, out);
    case CUPTI_ACTIVITY_KIND_CONTEXT:
      return addContext(record, bytes, out);
    case CUPTI_ACTIVITY_KIND_DEVICE:
      return addDevice(record, bytes, out);
    case CUPTI_ACTIVITY_KIND_STREAM:
      return addStream(record, bytes, out);
    default:
      return;  // not asked for
  }
}

bool ActivityDecoder::hasTime(uint64_t start, uint64_t end) {
  if (start != 0 && end >= start) return true;
  count(LossReason::kNoTime, 1);
  return false;
}

uint32_t ActivityDecoder::textId(const char* text, RecordBuffer& out) {
  const std::string value = text ? text : "";
  const auto [found, isNew] = m_texts.try_emplace(value, static_cast<uint32_t>(m_texts.size()) + 1);
  if (isNew) {
    auto& record = out.add<recorder::TextRecord>(RecordKind::kText, value.size());
    record.id = found->second;
    record.textBytes = static_cast<uint32_t>(value.size());
    copyBehind(record, 0, value);
  }
  return found->second;
}

uint32_t ActivityDecoder::callName(CUpti_CallbackDomain domain, uint32_t callbackId,
                                   RecordBuffer& out) {
  const auto [found, isNew] = m_callNames.try_emplace({domain, callbackId}, 0);
  if (isNew) {
    const char* name = nullptr;
    if (m_api.getCallbackName(domain, callbackId, &name) != CUPTI_SUCCESS) name = nullptr;
    const std::string number = "callback " + std::to_string(callbackId);
    found->second = textId(name ? name : number.c_str(), out);
  }
  return found->second;
}

}  // namespace caracal::profiler
