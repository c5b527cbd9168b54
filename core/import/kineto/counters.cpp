#include "core/import/kineto/counters.h"

#include <algorithm>
#include <numeric>

#include "core/import/chrome/decimal.h"

namespace caracal::import::kineto {
namespace {

// c10::DeviceType; anything else is a device of some kind.
constexpr std::string_view kHostDeviceType = "0";

std::vector<int64_t> inOrder(const std::vector<int64_t>& values, const std::vector<size_t>& order) {
  std::vector<int64_t> sorted;
  sorted.reserve(values.size());
  for (const size_t from : order) sorted.push_back(values[from]);
  return sorted;
}

void sortByTime(trace::CounterSeries& series) {
  if (std::is_sorted(series.timesNs.begin(), series.timesNs.end())) return;
  std::vector<size_t> order(series.timesNs.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return series.timesNs[a] < series.timesNs[b]; });
  series.timesNs = inOrder(series.timesNs, order);
  series.values = inOrder(series.values, order);
}

}  // namespace

void Counters::add(Key key, std::string_view unit, int64_t timeNs, std::string_view value) {
  const auto number = chrome::scaledDecimal(chrome::withoutQuotes(value), 0);
  if (!number) return;
  Samples& samples = m_samples[std::move(key)];
  samples.unit = unit;
  samples.timesNs.push(timeNs);
  samples.values.push(*number);
}

void Counters::addMemory(const Arguments& arguments, int64_t timeNs) {
  const auto id = chrome::signedInteger(chrome::withoutQuotes(arguments.deviceId));
  const bool host = arguments.deviceType == kHostDeviceType;
  const int32_t device = host || !id || *id < 0 || *id > (1 << 20) ? -1 : static_cast<int32_t>(*id);
  add({"memory.allocated", device}, "bytes", timeNs, arguments.totalAllocated);
  add({"memory.reserved", device}, "bytes", timeNs, arguments.totalReserved);
}

void Counters::addSample(const chrome::ChromeEvent& event, int64_t timeNs) {
  for (const chrome::Argument& argument : event.arguments) {
    const bool sameName = argument.key == event.name || event.arguments.size() == 1;
    std::string name(event.name);
    if (!sameName) name.append(".").append(argument.key);
    add({std::move(name), -1}, "", timeNs, argument.value);
  }
}

trace::CounterSeries Counters::seriesOf(const Key& key, Samples samples) const {
  trace::CounterSeries series{
      .name = key.name, .unit = std::move(samples.unit), .rank = m_rank, .device = key.device};
  const auto times = std::move(samples.timesNs).finish();
  const auto values = std::move(samples.values).finish();
  series.timesNs.reserve(times.size());
  series.values.reserve(values.size());
  for (size_t i = 0; i < times.size(); ++i) {
    series.timesNs.push_back(times[i]);
    series.values.push_back(values[i]);
  }
  sortByTime(series);
  return series;
}

void Counters::moveTo(trace::TraceBuilder& builder) {
  for (auto& [key, samples] : m_samples) builder.addCounter(seriesOf(key, std::move(samples)));
  m_samples.clear();
}

}  // namespace caracal::import::kineto
