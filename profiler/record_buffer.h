// Records of core/recorder/log_format.h, one behind the other, ready to be a frame's payload.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "core/recorder/log_format.h"

namespace caracal::profiler {

class RecordBuffer {
 public:
  // Appends a zeroed record with room for `trailing` bytes behind it. The reference is valid until
  // the next add().
  template <class Record>
  Record& add(recorder::RecordKind kind, size_t trailing = 0) {
    const uint32_t bytes = recorder::roundedUp(static_cast<uint32_t>(sizeof(Record) + trailing));
    const size_t start = m_words.size();
    m_words.resize(start + bytes / sizeof(uint64_t));
    auto* const record = reinterpret_cast<Record*>(m_words.data() + start);
    record->head = {kind, 0, bytes};
    return *record;
  }

  void append(const RecordBuffer& other) {
    m_words.insert(m_words.end(), other.m_words.begin(), other.m_words.end());
  }

  std::span<const std::byte> bytes() const { return std::as_bytes(std::span(m_words)); }
  size_t size() const { return m_words.size() * sizeof(uint64_t); }
  bool empty() const { return m_words.empty(); }
  void clear() { m_words.clear(); }
  void reserve(size_t bytes) { m_words.reserve(bytes / sizeof(uint64_t)); }

 private:
  std::vector<uint64_t> m_words;
};

// The `trailing` bytes behind a record that add() made, `offset` bytes into them.
template <class Record>
void copyBehind(Record& record, size_t offset, std::string_view text) {
  if (text.empty()) return;  // memcpy wants an address even for no bytes
  std::memcpy(reinterpret_cast<std::byte*>(&record) + sizeof(Record) + offset, text.data(),
              text.size());
}

}  // namespace caracal::profiler
