// NameTable: a fixed set of names in which each has a place of its own, told by its length, first
// and last letter. Every event asks for several, and one comparison answers.
#pragma once

#include <array>
#include <cstddef>
#include <stdexcept>
#include <string_view>

namespace caracal::import::kineto {

// How a name's place is counted; chosen so that no two names of a set share one, which is checked
// while compiling.
struct NameWeights {
  size_t first = 1;
  size_t last = 1;
  size_t length = 1;
};

// Entry has a member `name`. kPlaces is a power of two.
template <class Entry, size_t kPlaces>
class NameTable {
 public:
  template <size_t kCount>
  constexpr NameTable(const Entry (&entries)[kCount], NameWeights weights) : m_weights(weights) {
    for (const Entry& entry : entries) {
      Entry& place = m_entries[placeOf(entry.name)];
      if (!place.name.empty()) throw std::logic_error("two names share a place");
      place = entry;
    }
  }

  // Null: the name is not in the set.
  const Entry* find(std::string_view name) const {
    if (name.empty()) return nullptr;
    const Entry& entry = m_entries[placeOf(name)];
    return entry.name == name ? &entry : nullptr;
  }

 private:
  constexpr size_t placeOf(std::string_view name) const {
    return (static_cast<unsigned char>(name.front()) * m_weights.first +
            static_cast<unsigned char>(name.back()) * m_weights.last +
            name.size() * m_weights.length) %
           kPlaces;
  }

  NameWeights m_weights;
  std::array<Entry, kPlaces> m_entries{};
};

}  // namespace caracal::import::kineto
