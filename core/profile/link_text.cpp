#include "core/profile/link_text.h"

#include <array>
#include <charconv>
#include <cmath>
#include <optional>
#include <string_view>

namespace caracal::profile {
namespace {

struct Unit {
  std::string_view name;
  double factor;
};
constexpr std::array<Unit, 4> kTimeUnits{{{"ns", 1}, {"us", 1e3}, {"ms", 1e6}, {"s", 1e9}}};
constexpr std::array<Unit, 7> kRateUnits{{{"B/s", 1},
                                          {"kB/s", 1e3},
                                          {"MB/s", 1e6},
                                          {"GB/s", 1e9},
                                          {"KiB/s", 1024.0},
                                          {"MiB/s", 1048576.0},
                                          {"GiB/s", 1073741824.0}}};

// "1.5 us" with one of `units`; a bare 0 needs none.
template <size_t N>
std::optional<double> parseQuantity(std::string_view text, const std::array<Unit, N>& units) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || !(value >= 0) || std::isinf(value)) return std::nullopt;
  std::string_view rest(end, static_cast<size_t>(text.data() + text.size() - end));
  while (rest.starts_with(' ')) rest.remove_prefix(1);
  if (rest.empty() && value == 0) return 0.0;
  for (const Unit& unit : units) {
    if (unit.name == rest) return value * unit.factor;
  }
  return std::nullopt;
}

// The largest of `units` that gives a whole number.
template <size_t N>
std::string quantityText(double value, const std::array<Unit, N>& units) {
  for (auto unit = units.rbegin(); unit != units.rend(); ++unit) {
    const double scaled = value / unit->factor;
    if (scaled >= 1 && scaled == std::floor(scaled))
      return fmt::format("{:.0f}{}", scaled, unit->name);
  }
  return fmt::format("{}{}", value, units.front().name);
}

}  // namespace

Result<Link> parseLink(const std::string& text) {
  const size_t comma = text.find(',');
  if (comma != std::string::npos) {
    const auto latency = parseQuantity(std::string_view(text).substr(0, comma), kTimeUnits);
    const auto rate = parseQuantity(std::string_view(text).substr(comma + 1), kRateUnits);
    if (latency && rate) return Link{std::llround(*latency), *rate};
  }
  return fail(ErrorCode::kInvalidInput,
              "\"{}\" is not a link; write latency and bandwidth with units, such as 200us,2GB/s",
              text);
}

std::string linkText(const Link& link) {
  // Decimal units only: binary ones are for reading.
  constexpr std::array<Unit, 4> kDecimal{kRateUnits[0], kRateUnits[1], kRateUnits[2],
                                         kRateUnits[3]};
  return quantityText(static_cast<double>(link.latencyNs), kTimeUnits) + ',' +
         quantityText(link.bytesPerSecond, kDecimal);
}

}  // namespace caracal::profile
