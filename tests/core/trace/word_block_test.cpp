#include "core/trace/word_block.h"

#include <gtest/gtest.h>

#include "core/base/sanitizers.h"
#include "core/trace/growing_words.h"

namespace caracal::trace {
namespace {

constexpr size_t kLarge = 100'000, kSmall = 100;

TEST(WordBlock, keepsItsWordsInAnySize) {
  WordBlock block = WordBlock::zeroed(kSmall);
  for (size_t i = 0; i < kSmall; ++i) {
    EXPECT_EQ(block.data()[i], 0u);
    block.data()[i] = i;
  }
  for (const size_t words : {kLarge, 3 * kLarge, kLarge / 2, kSmall}) {
    block.resize(words);
    ASSERT_EQ(block.capacity(), words);
    block.data()[words - 1] = words == kSmall ? kSmall - 1 : 1;
    for (size_t i = 0; i < kSmall; ++i) ASSERT_EQ(block.data()[i], i) << words;
  }
}

TEST(WordBlock, givesLargeMemoryBackAtOnce) {
  if (kAddressSanitizer) GTEST_SKIP() << "all memory is the allocator's, which is watched";
  const size_t before = WordBlock::largeBlockBytes();
  {
    const WordBlock block = WordBlock::zeroed(kLarge);
    for (size_t i = 0; i < kLarge; ++i) ASSERT_EQ(block.data()[i], 0u);
    EXPECT_GE(WordBlock::largeBlockBytes(), before + kLarge * sizeof(uint64_t));
    EXPECT_LT(WordBlock::largeBlockBytes(), before + kLarge * sizeof(uint64_t) + 8192);
  }
  EXPECT_EQ(WordBlock::largeBlockBytes(), before);
}

TEST(GrowingWords, addsWordsThatAreZero) {
  GrowingWords words;
  for (size_t i = 0; words.size() < 2 * kLarge; ++i) {
    const size_t first = words.size();
    words.grow(i % 700);
    for (size_t w = first; w < words.size(); ++w) {
      ASSERT_EQ(words.data()[w], 0u);
      words.data()[w] = w;
    }
  }
  const size_t size = words.size();
  const SharedArray<uint64_t> done = std::move(words).finish();
  ASSERT_EQ(done.size(), size);
  for (size_t w = 0; w < size; ++w) ASSERT_EQ(done[w], w);
}

}  // namespace
}  // namespace caracal::trace
