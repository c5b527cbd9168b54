#include "core/base/checksum.h"

#include <gtest/gtest.h>

#include <string>

namespace caracal {
namespace {

uint64_t of(const std::string& text) {
  return checksum64(std::as_bytes(std::span(text.data(), text.size())));
}

// Values of the reference implementation (xxhsum -H64).
TEST(Checksum, isXxh64) {
  EXPECT_EQ(of(""), 0xef46db3751d8e999u);
  EXPECT_EQ(of("a"), 0xd24ec4f1a98c6e5bu);
  EXPECT_EQ(of("abc"), 0x44bc2cf5ad770999u);
  EXPECT_EQ(of("Nobody inspects the spammish repetition"), 0xfbcea83c8a378bf1u);
}

}  // namespace
}  // namespace caracal
