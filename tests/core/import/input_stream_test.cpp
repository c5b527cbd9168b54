#include "core/import/input/input_stream.h"

#include <gtest/gtest.h>

#include <random>

#include "tests/core/import/test_files.h"

namespace caracal::import {
namespace {

struct Drained {
  std::string bytes;
  InputEnd end = InputEnd::kComplete;
};

Drained drain(const std::string& path, size_t capacity,
              InputStream::Pace pace = InputStream::Pace::kAsAsked) {
  auto stream = InputStream::open(path, pace);
  if (!stream) throw std::runtime_error(stream.error().text());
  Drained drained;
  std::string block(capacity, '\0');
  for (;;) {
    const auto got = stream->read(block.data(), block.size());
    if (!got) throw std::runtime_error(got.error().text());
    if (*got == 0) break;
    drained.bytes.append(block, 0, *got);
  }
  EXPECT_DOUBLE_EQ(stream->fraction(), 1.0);
  drained.end = stream->end();
  return drained;
}

std::string manyBytes() {
  std::string text;
  for (int i = 0; i < 40000; ++i) text += std::to_string(i * 7919) + ",";
  return text;
}

TEST(InputStream, plainAndGzipFilesGiveTheSameBytesInBlocksOfAnySize) {
  const TemporaryFolder folder;
  const std::string text = manyBytes();
  const std::string plain = folder.write("a.json.gz", text);  // the name says nothing
  const std::string packed = folder.write("b.json", gzip(text));
  for (const size_t capacity : {size_t{1000}, size_t{65536}, text.size() + 1}) {
    EXPECT_EQ(drain(plain, capacity).bytes, text);
    EXPECT_EQ(drain(packed, capacity).bytes, text);
    EXPECT_EQ(drain(packed, capacity).end, InputEnd::kComplete);
  }
}

TEST(InputStream, severalGzipMembersAreOneText) {
  const TemporaryFolder folder;
  const std::string file =
      folder.write("two.gz", gzip("first,") + gzip("second,") + gzip("") + gzip("third"));
  EXPECT_EQ(drain(file, 4).bytes, "first,second,third");
  EXPECT_EQ(drain(file, 4).end, InputEnd::kComplete);
}

TEST(InputStream, paddingBehindTheLastGzipMemberIsIgnored) {
  const TemporaryFolder folder;
  const Drained drained =
      drain(folder.write("padded.gz", gzip("text") + std::string(100, '\0')), 64);
  EXPECT_EQ(drained.bytes, "text");
  EXPECT_EQ(drained.end, InputEnd::kComplete);
}

TEST(InputStream, aCutGzipGivesWhatCameBeforeTheCutAndSaysSo) {
  const TemporaryFolder folder;
  const std::string text = manyBytes();
  const std::string packed = gzip(text);
  const Drained drained = drain(folder.write("cut.gz", packed.substr(0, packed.size() / 2)), 10000);
  EXPECT_EQ(drained.end, InputEnd::kCutGzip);
  EXPECT_GT(drained.bytes.size(), text.size() / 4);
  EXPECT_EQ(drained.bytes, text.substr(0, drained.bytes.size()));
}

TEST(InputStream, aDamagedGzipIsNotMistakenForAComplete) {
  const TemporaryFolder folder;
  std::string packed = gzip(manyBytes());
  packed[packed.size() - 6] = static_cast<char>(packed[packed.size() - 6] ^ 0x55);  // the checksum
  EXPECT_EQ(drain(folder.write("bad.gz", packed), 10000).end, InputEnd::kDamagedGzip);
}

// Too large for the blocks that are made ahead, and for gzip to make little of it.
std::string bytesBeyondReadAhead() {
  const uint32_t seed = 5;
  std::mt19937 random(seed);
  std::string text(6 << 20, ' ');
  for (char& c : text) c = static_cast<char>('a' + random() % 16);
  return text;
}

TEST(InputStream, readingAheadGivesTheSameBytesAndTheSameEnds) {
  const TemporaryFolder folder;
  const std::string text = bytesBeyondReadAhead();
  const std::string packed = gzip(text);
  ASSERT_GT(packed.size(), size_t{2} << 20);
  const std::string whole = folder.write("a.gz", packed);
  for (const size_t capacity : {size_t{1000}, size_t{256 * 1024}, size_t{1 << 20}}) {
    const Drained drained = drain(whole, capacity, InputStream::Pace::kAhead);
    EXPECT_EQ(drained.bytes, text) << capacity;
    EXPECT_EQ(drained.end, InputEnd::kComplete);
  }
  const std::string cut = folder.write("cut.gz", packed.substr(0, packed.size() / 2));
  EXPECT_EQ(drain(cut, 10000, InputStream::Pace::kAhead).bytes, drain(cut, 10000).bytes);
  EXPECT_EQ(drain(cut, 10000, InputStream::Pace::kAhead).end, InputEnd::kCutGzip);
}

TEST(InputStream, aStreamThatReadsAheadMayBeLeftAtAnyTime) {
  const TemporaryFolder folder;
  const std::string file = folder.write("a.gz", gzip(bytesBeyondReadAhead()));
  for (const size_t used : {size_t{0}, size_t{1}, size_t{300'000}, size_t{3} << 20}) {
    auto stream = InputStream::open(file, InputStream::Pace::kAhead);
    ASSERT_TRUE(stream);
    std::string block(used, ' ');
    EXPECT_EQ(stream->read(block.data(), used).value_or(0), used);
  }
}

TEST(InputStream, whatCannotBeOpenedIsAnErrorInWords) {
  const TemporaryFolder folder;
  EXPECT_EQ(InputStream::open(folder.path() + "/absent").error().code, ErrorCode::kNotFound);
  EXPECT_EQ(InputStream::open(folder.path()).error().code, ErrorCode::kUnsupported);
}

TEST(InputStream, aHeadIsTheBeginningAfterDecompression) {
  const TemporaryFolder folder;
  const std::string text = manyBytes();
  EXPECT_EQ(*readHead(folder.write("x", gzip(text)), 100), text.substr(0, 100));
  EXPECT_EQ(*readHead(folder.write("y", "short"), 100), "short");
}

}  // namespace
}  // namespace caracal::import
