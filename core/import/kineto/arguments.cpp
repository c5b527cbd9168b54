#include "core/import/kineto/arguments.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/import/kineto/name_table.h"

namespace caracal::import::kineto {
namespace {

struct Known {
  std::string_view name;
  std::string_view Arguments::*field = nullptr;
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

constexpr NameTable<Known, 128> kByName(kKnown, {.first = 1, .last = 2, .length = 13});

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
  for (const chrome::Argument& argument : arguments) {
    if (const Known* const known = kByName.find(argument.key)) found.*known->field = argument.value;
  }
  return found;
}

std::string_view argumentNamed(std::span<const chrome::Argument> arguments, std::string_view key) {
  const auto found = std::find_if(arguments.rbegin(), arguments.rend(),
                                  [&](const chrome::Argument& a) { return a.key == key; });
  return found == arguments.rend() ? std::string_view() : found->value;
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
