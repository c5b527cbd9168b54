#include "core/import/kineto/arguments.h"

#include <fmt/format.h>

#include <array>
#include <vector>

namespace caracal::import::kineto {
namespace {

struct Known {
  std::string_view key;
  std::string_view Arguments::*field;
};

constexpr Known kKnown[] = {
    {"device", &Arguments::device},
    {"stream", &Arguments::stream},
    {"correlation", &Arguments::correlation},
    {"External id", &Arguments::externalId},
    {"external id", &Arguments::externalId},
    {"bytes", &Arguments::bytes},
    {"grid", &Arguments::grid},
    {"block", &Arguments::block},
    {"registers per thread", &Arguments::registers},
    {"shared memory", &Arguments::sharedMemory},
    {"Collective name", &Arguments::collective},
    {"In msg nelems", &Arguments::inElements},
    {"dtype", &Arguments::dtype},
    {"Group size", &Arguments::groupSize},
    {"Process Group Name", &Arguments::groupName},
    {"Process Group Description", &Arguments::groupDescription},
    {"Process Group Ranks", &Arguments::groupRanks},
    {"Src Rank", &Arguments::sourceRank},
    {"Dst Rank", &Arguments::destinationRank},
    {"Seq", &Arguments::sequence},
    {"Global rank start", &Arguments::rankStart},
    {"Global rank stride", &Arguments::rankStride},
    {"Input Dims", &Arguments::inputDimensions},
    {"Input type", &Arguments::inputTypes},
    {"Device Type", &Arguments::deviceType},
    {"Device Id", &Arguments::deviceId},
    {"Total Allocated", &Arguments::totalAllocated},
    {"Total Reserved", &Arguments::totalReserved},
    {"name", &Arguments::name},
};

constexpr size_t kLongestKey = 32;

// By key length, because that tells most keys apart before any comparison.
using ByLength = std::array<std::vector<Known>, kLongestKey>;
const ByLength& knownByLength() {
  static const ByLength kByLength = [] {
    ByLength table;
    for (const Known& known : kKnown) table[known.key.size()].push_back(known);
    return table;
  }();
  return kByLength;
}

// "[12, 1, 1]" -> "12x1x1".
std::string dimensions(std::string_view json) {
  std::string text;
  for (const char c : json) {
    if (c >= '0' && c <= '9') text += c;
    if (c == ',') text += 'x';
  }
  return text;
}

}  // namespace

Arguments argumentsOf(std::span<const chrome::Argument> arguments) {
  Arguments found;
  const ByLength& table = knownByLength();
  for (const chrome::Argument& argument : arguments) {
    if (argument.key.size() >= kLongestKey) continue;
    for (const Known& known : table[argument.key.size()]) {
      if (known.key.front() == argument.key.front() && known.key == argument.key)
        found.*known.field = argument.value;
    }
  }
  return found;
}

std::string launchDetail(const Arguments& arguments) {
  std::string text;
  const auto add = [&](std::string part) { text += (text.empty() ? "" : ", ") + std::move(part); };
  if (!arguments.grid.empty()) add("grid " + dimensions(arguments.grid));
  if (!arguments.block.empty()) add("block " + dimensions(arguments.block));
  if (!arguments.registers.empty()) add(fmt::format("{} registers", arguments.registers));
  if (!arguments.sharedMemory.empty() && arguments.sharedMemory != "0") {
    add(fmt::format("{} B shared memory", arguments.sharedMemory));
  }
  return text;
}

}  // namespace caracal::import::kineto
