// What the system says is followed by what to do about it, where that is known.
#include "core/base/system_message.h"

#include <gtest/gtest.h>

#include <cerrno>

namespace caracal {
namespace {

TEST(SystemMessage, saysWhatToDoWhereThatIsKnown) {
  EXPECT_EQ(systemMessage(ENOENT), "No such file or directory; check the path");
  EXPECT_EQ(systemMessage(ENOSPC),
            "No space left on device; free some space or choose another folder");
  EXPECT_EQ(systemMessage(EPIPE), "Broken pipe");
}

}  // namespace
}  // namespace caracal
