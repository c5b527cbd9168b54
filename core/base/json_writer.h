// The two ways Caracal writes JSON documents.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

namespace caracal {

// For people and version control: two spaces, and what is short (up to 100 columns) on one line.
// Keys keep the order they were added in. Ends with a newline.
std::string prettyJson(const nlohmann::ordered_json& value);

// The canonical form that hashes are taken over: keys sorted bytewise, no blanks, shortest numbers
// that read back as the same double.
std::string canonicalJson(const nlohmann::ordered_json& value);

}  // namespace caracal
