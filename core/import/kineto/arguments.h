// The arguments of Kineto events that Caracal keeps, found in one pass over an event's "args".
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "core/import/chrome/chrome_event.h"

namespace caracal::import::kineto {

// JSON text of each argument, empty when the event does not have it (formats.md names their
// meaning).
struct Arguments {
  std::string_view device, stream, correlation, externalId, bytes;
  std::string_view grid, block, registers, sharedMemory;
  // Collectives: "Collective name", "In msg nelems", ...
  std::string_view collective, inElements, dtype, groupSize, groupName, groupDescription,
      groupRanks;
  std::string_view sourceRank, destinationRank, sequence, rankStart, rankStride;
  // Operators: shapes and element types of their inputs.
  std::string_view inputDimensions, inputTypes;
  // "[memory]" instants.
  std::string_view deviceType, deviceId, totalAllocated, totalReserved;
  // Metadata rows.
  std::string_view name;
};

Arguments argumentsOf(std::span<const chrome::Argument> arguments);
// One alone, where the others are not asked for.
std::string_view argumentNamed(std::span<const chrome::Argument> arguments, std::string_view key);

// "grid 12x1x1, block 256x1x1, 40 registers, 6400 B shared memory"; empty when nothing is known.
std::string launchDetail(const Arguments& arguments);

}  // namespace caracal::import::kineto
