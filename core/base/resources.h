// Where Caracal's data files are: hardware constants, example models, schemas, name tables.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"

namespace caracal {

// The folders that are searched, first match wins: $CARACAL_RESOURCES; ../share/caracal beside the
// running program (an installation); the source tree this build was made from.
std::vector<std::string> resourceFolders();

// The path of a resource by its relative name ("hardware/a100-80gb.json"). kNotFound says where it
// was looked for.
Result<std::string> findResource(std::string_view name);

// Names of the files of a resource folder without their extension, sorted ("hardware" ->
// "a100-80gb", ...).
std::vector<std::string> listResources(std::string_view folder);

}  // namespace caracal
