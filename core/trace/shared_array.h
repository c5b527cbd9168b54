// SharedArray: values that never change, in memory of their own or inside a mapped file. Copies
// share the values; the last one releases them.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <utility>
#include <vector>

namespace caracal::trace {

template <class T>
class SharedArray {
 public:
  SharedArray() = default;
  // Takes the values over; memory beyond them is given back.
  explicit SharedArray(std::vector<T> values) {
    values.shrink_to_fit();
    auto own = std::make_shared<const std::vector<T>>(std::move(values));
    m_values = *own;
    m_owner = std::move(own);
  }
  // `values` lie in what `owner` keeps alive.
  SharedArray(std::span<const T> values, std::shared_ptr<const void> owner)
      : m_values(values), m_owner(std::move(owner)) {}

  const T& operator[](size_t i) const { return m_values[i]; }
  const T* data() const { return m_values.data(); }
  size_t size() const { return m_values.size(); }
  bool empty() const { return m_values.empty(); }
  auto begin() const { return m_values.begin(); }
  auto end() const { return m_values.end(); }
  std::span<const T> values() const { return m_values; }
  size_t memoryBytes() const { return m_values.size_bytes(); }

 private:
  std::span<const T> m_values;
  std::shared_ptr<const void> m_owner;
};

}  // namespace caracal::trace
