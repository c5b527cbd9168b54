// Counter series of one Kineto file: allocator totals from "[memory]" instants, and "C" events.
#pragma once

#include <map>
#include <string>

#include "core/import/chrome/chrome_event.h"
#include "core/import/kineto/arguments.h"
#include "core/trace/trace_builder.h"

namespace caracal::import::kineto {

class Counters {
 public:
  explicit Counters(uint32_t rank) : m_rank(rank) {}

  // One allocation or release: the totals after it, per device.
  void addMemory(const Arguments& arguments, int64_t timeNs);
  // One sample of a "C" event: a series for each numeric argument.
  void addSample(const chrome::ChromeEvent& event, int64_t timeNs);
  bool empty() const { return m_samples.empty(); }
  // Moves all series, in time order, into the builder.
  void moveTo(trace::TraceBuilder& builder);

 private:
  struct Key {
    std::string name;
    int32_t device = -1;  // -1: host
    bool operator<(const Key& other) const {
      return device != other.device ? device < other.device : name < other.name;
    }
  };
  void add(Key key, std::string_view unit, int64_t timeNs, std::string_view value);

  // Samples as they come: a file may have one for each allocation, so they are packed.
  struct Samples {
    std::string unit;
    trace::ColumnPacker timesNs, values;
  };
  trace::CounterSeries seriesOf(const Key& key, Samples samples) const;

  uint32_t m_rank;
  std::map<Key, Samples> m_samples;
};

}  // namespace caracal::import::kineto
