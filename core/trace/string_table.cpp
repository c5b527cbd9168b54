#include "core/trace/string_table.h"

#include <functional>

namespace caracal::trace {

size_t StringTable::slotOf(std::string_view text) const {
  const size_t mask = m_slots.size() - 1;
  size_t slot = std::hash<std::string_view>{}(text)&mask;
  while (m_slots[slot] != kAbsent && (*this)[m_slots[slot]] != text) slot = (slot + 1) & mask;
  return slot;
}

void StringTable::grow() {
  m_slots.assign(m_slots.empty() ? 64 : m_slots.size() * 2, kAbsent);
  for (NameId id = 0; id < size(); ++id) m_slots[slotOf((*this)[id])] = id;
}

NameId StringTable::intern(std::string_view text) {
  if (m_slots.size() * 3 <= (size() + 1) * 4) grow();
  const size_t slot = slotOf(text);
  if (m_slots[slot] == kAbsent) {
    m_slots[slot] = static_cast<NameId>(size());
    m_text.append(text);
    m_begins.push_back(m_text.size());
  }
  return m_slots[slot];
}

NameId StringTable::find(std::string_view text) const {
  return m_slots[slotOf(text)];
}

void StringTable::shrink() {
  m_text.shrink_to_fit();
  m_begins.shrink_to_fit();
}

}  // namespace caracal::trace
