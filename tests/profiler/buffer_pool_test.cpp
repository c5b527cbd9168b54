#include "profiler/buffer_pool.h"

#include <gtest/gtest.h>

namespace caracal::profiler {
namespace {

TEST(BufferPool, buffersComeBackInOrderOfCompletion) {
  BufferPool pool;
  size_t bytes = 0;
  uint8_t* const first = pool.lend(bytes);
  uint8_t* const second = pool.lend(bytes);
  EXPECT_EQ(bytes, BufferPool::kBufferBytes);
  EXPECT_TRUE(pool.takeBack(second, 16));
  EXPECT_TRUE(pool.takeBack(first, 8));
  EXPECT_EQ(pool.nextFull()->data, second);
  EXPECT_EQ(pool.nextFull()->validBytes, 8u);
  EXPECT_FALSE(pool.nextFull());
}

TEST(BufferPool, aBufferIsGivenOutAgainOnlyAfterTheWriterReleasedIt) {
  BufferPool pool;
  size_t bytes = 0;
  uint8_t* const first = pool.lend(bytes);
  pool.takeBack(first, 8);
  EXPECT_NE(pool.lend(bytes), first);
  const auto full = pool.nextFull();
  EXPECT_NE(pool.lend(bytes), first);
  pool.release(*full);
  EXPECT_EQ(pool.lend(bytes), first);
}

TEST(BufferPool, whatCuptiDoesNotOwnIsNotTakenBack) {
  BufferPool pool;
  size_t bytes = 0;
  uint8_t* const buffer = pool.lend(bytes);
  uint8_t foreign = 0;
  EXPECT_FALSE(pool.takeBack(&foreign, 1));
  EXPECT_TRUE(pool.takeBack(buffer, 8));
  EXPECT_FALSE(pool.takeBack(buffer, 8));
  pool.release({buffer, 8, false});  // the writer does not own it yet
  EXPECT_EQ(pool.nextFull()->data, buffer);
}

TEST(BufferPool, beyondItsMemoryItGivesSmallBuffersToDiscard) {
  BufferPool pool;
  size_t bytes = 0;
  for (size_t i = 0; i < BufferPool::kMostBuffers; ++i) pool.lend(bytes);
  uint8_t* const extra = pool.lend(bytes);
  ASSERT_NE(extra, nullptr);
  EXPECT_EQ(bytes, BufferPool::kDiscardBytes);
  EXPECT_EQ(pool.lent(), BufferPool::kMostBuffers + 1);
  pool.takeBack(extra, 8);
  const auto full = pool.nextFull();
  EXPECT_TRUE(full->isDiscard);
  pool.release(*full);
  EXPECT_EQ(pool.lent(), BufferPool::kMostBuffers);
}

}  // namespace
}  // namespace caracal::profiler
