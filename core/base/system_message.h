// What the system says when it refuses something, and what its user can do about it.
#pragma once

#include <string>

namespace caracal {

// "No space left on device; free some space or choose another folder" for a value of errno; the
// system's words alone where no remedy is known.
std::string systemMessage(int code);

}  // namespace caracal
