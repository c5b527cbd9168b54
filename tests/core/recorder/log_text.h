// Logs of the recorder, written by hand.
#pragma once

#include <cstring>
#include <span>
#include <string>

#include "core/base/checksum.h"
#include "core/recorder/log_activity.h"

namespace caracal::recorder {

// Frames as docs/recorder-log.md describes them.
class LogText {
 public:
  LogText() {
    FileHeader header{};
    std::memcpy(header.magic, kLogMagic, sizeof header.magic);
    header.version = kLogVersion;
    header.headerBytes = sizeof header;
    header.pid = 77;
    put(m_file, header);
  }

  template <class Record>
  LogText& add(RecordKind kind, Record record, const std::string& text = {}) {
    record.head = {kind, 0, roundedUp(static_cast<uint32_t>(sizeof record + text.size()))};
    put(m_payload, record);
    m_payload += text;
    m_payload.resize((m_payload.size() + 7) & ~size_t{7});
    return *this;
  }
  LogText& fact(const std::string& text) {
    FactRecord record{};
    record.textBytes = static_cast<uint32_t>(text.size());
    return add(RecordKind::kFact, record, text);
  }
  LogText& anchor(int64_t timeNs, int64_t realtimeNs) {
    AnchorRecord record{};
    record.timeNs = timeNs;
    record.realtimeNs = realtimeNs;
    return add(RecordKind::kAnchor, record);
  }
  LogText& range(RecordKind kind, int64_t timeNs, const std::string& text = {}) {
    RangeRecord record{};
    record.timeNs = timeNs;
    record.textBytes = static_cast<uint32_t>(text.size());
    return add(kind, record, text);
  }
  LogText& kernel(int64_t startNs, int64_t endNs) {
    KernelRecord record{};
    record.startNs = startNs;
    record.endNs = endNs;
    return add(RecordKind::kKernel, record);
  }
  LogText& frame(uint32_t threadId = 0) {
    FrameHeader header{kFrameMagic, static_cast<uint32_t>(m_payload.size()), threadId, m_sequence++,
                       0};
    std::string bytes;
    put(bytes, header);
    bytes += m_payload;
    header.checksum = checksum64(std::as_bytes(std::span(bytes)));
    std::memcpy(bytes.data(), &header, sizeof header);
    m_file += bytes;
    m_payload.clear();
    return *this;
  }
  const std::string& text() const { return m_file; }

 private:
  template <class Value>
  static void put(std::string& out, const Value& value) {
    out.append(reinterpret_cast<const char*>(&value), sizeof value);
  }
  std::string m_file, m_payload;
  uint32_t m_sequence = 0;
};

}  // namespace caracal::recorder
