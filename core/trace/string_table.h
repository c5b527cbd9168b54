// Interned strings: every distinct text once, named by a dense id. Not thread-safe while interning.
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

namespace caracal::trace {

using NameId = uint32_t;

class StringTable {
 public:
  StringTable() { intern(""); }
  // The id of `text`, new or old. Id 0 is the empty string.
  NameId intern(std::string_view text);
  // The id of `text` when it is known, else kAbsent.
  static constexpr NameId kAbsent = std::numeric_limits<NameId>::max();
  NameId find(std::string_view text) const;
  // Valid until the next intern().
  std::string_view operator[](NameId id) const {
    return std::string_view(m_text).substr(m_begins[id], m_begins[id + 1] - m_begins[id]);
  }
  // Gives memory beyond the texts back.
  void shrink();
  size_t size() const { return m_begins.size() - 1; }
  // Size of all texts together.
  size_t textBytes() const { return m_text.size(); }
  size_t memoryBytes() const {
    return m_text.capacity() + m_begins.capacity() * sizeof(uint64_t) +
           m_slots.capacity() * sizeof(NameId);
  }

 private:
  size_t slotOf(std::string_view text) const;
  void grow();

  std::string m_text;
  std::vector<uint64_t> m_begins{0};  // size() + 1 offsets into m_text
  std::vector<NameId> m_slots;        // open addressing, power of two, kAbsent = free
};

}  // namespace caracal::trace
