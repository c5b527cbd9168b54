#include "core/recorder/log_reader.h"

#include <cerrno>
#include <cstring>
#include <fstream>

#include "core/base/checksum.h"
#include "core/base/system_message.h"

namespace caracal::recorder {
namespace {

// A frame is written in one piece from a buffer of at most this size.
constexpr uint32_t kMostPayloadBytes = 64u << 20;

// A frame with its payload behind the header, aligned for records.
using FrameBuffer = std::vector<uint64_t>;

bool readExactly(std::ifstream& file, void* target, size_t bytes) {
  file.read(static_cast<char*>(target), static_cast<std::streamsize>(bytes));
  return static_cast<size_t>(file.gcount()) == bytes;
}

// The next frame; false at the end of the file and at one that does not check.
bool nextFrame(std::ifstream& file, uint32_t sequence, FrameBuffer& frame) {
  FrameHeader header{};
  if (!readExactly(file, &header, sizeof header)) return false;
  if (header.magic != kFrameMagic || header.sequence != sequence ||
      header.payloadBytes > kMostPayloadBytes || header.payloadBytes % 8 != 0) {
    return false;
  }
  const size_t bytes = sizeof header + header.payloadBytes;
  frame.resize(bytes / sizeof(uint64_t));
  const uint64_t expected = header.checksum;
  header.checksum = 0;
  std::memcpy(frame.data(), &header, sizeof header);
  auto* const payload = reinterpret_cast<std::byte*>(frame.data()) + sizeof header;
  if (!readExactly(file, payload, header.payloadBytes)) return false;
  return checksum64({reinterpret_cast<const std::byte*>(frame.data()), bytes}) == expected;
}

Result<void> visitRecords(const FrameBuffer& frame,
                          const std::function<Result<void>(const RecordView&)>& onRecord) {
  const auto* const start = reinterpret_cast<const std::byte*>(frame.data());
  FrameHeader header{};
  std::memcpy(&header, start, sizeof header);
  std::span<const std::byte> rest(start + sizeof header, header.payloadBytes);
  while (rest.size() >= sizeof(RecordHead)) {
    const auto* const head = reinterpret_cast<const RecordHead*>(rest.data());
    if (head->bytes < sizeof(RecordHead) || head->bytes > rest.size() || head->bytes % 8 != 0) {
      return fail(ErrorCode::kInvalidInput, "a record of {} bytes does not fit its frame",
                  head->bytes);
    }
    CARACAL_CHECK_OK(onRecord({head->kind, header.threadId, rest.first(head->bytes)}));
    rest = rest.subspan(head->bytes);
  }
  return {};
}

Result<FileHeader> readHeader(std::ifstream& file) {
  FileHeader header{};
  if (!readExactly(file, &header, sizeof header) ||
      std::memcmp(header.magic, kLogMagic, sizeof kLogMagic) != 0) {
    return fail(ErrorCode::kInvalidInput, "not a log of the recorder");
  }
  if (header.version != kLogVersion || header.headerBytes < sizeof header) {
    return fail(ErrorCode::kUnsupported,
                "a recorder's log of version {}; this program reads version {}, use the Caracal "
                "that recorded it",
                header.version, kLogVersion);
  }
  file.seekg(header.headerBytes);
  return header;
}

}  // namespace

bool isLogHead(std::string_view head) {
  return head.substr(0, sizeof kLogMagic) == std::string_view(kLogMagic, sizeof kLogMagic);
}

std::string_view textAfter(const RecordView& view, size_t structBytes, size_t skipped,
                           size_t length) {
  if (structBytes > view.bytes.size() || skipped > view.bytes.size() - structBytes ||
      length > view.bytes.size() - structBytes - skipped) {
    return {};
  }
  return {reinterpret_cast<const char*>(view.bytes.data()) + structBytes + skipped, length};
}

Result<FileHeader> readLogHeader(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file)
    return fail(ErrorCode::kIo, "{}: the log cannot be opened: {}", path, systemMessage(errno));
  auto header = readHeader(file);
  if (!header) return tl::unexpected(at(header.error(), path));
  return *header;
}

Result<LogEnd> readLog(const std::string& path,
                       const std::function<Result<void>(const RecordView&)>& onRecord) {
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  if (!file) {
    return fail(ErrorCode::kIo, "{}: the log cannot be opened: {}", path, systemMessage(errno));
  }
  const int64_t fileBytes = file.tellg();
  file.seekg(0);
  LogEnd end;
  auto header = readHeader(file);
  if (!header) return tl::unexpected(at(header.error(), path));
  end.header = *header;
  int64_t goodBytes = header->headerBytes;
  FrameBuffer frame;
  while (nextFrame(file, static_cast<uint32_t>(end.frames), frame)) {
    if (auto visited = visitRecords(frame, onRecord); !visited)
      return tl::unexpected(at(visited.error(), path));
    goodBytes += static_cast<int64_t>(frame.size() * sizeof(uint64_t));
    ++end.frames;
  }
  end.lostBytes = std::max<int64_t>(0, fileBytes - goodBytes);
  return end;
}

}  // namespace caracal::recorder
