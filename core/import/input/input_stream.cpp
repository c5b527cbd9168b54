#include "core/import/input/input_stream.h"

#include "core/base/system_message.h"
#include "core/import/input/read_ahead.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <system_error>
#include <vector>

namespace caracal::import {
namespace {

constexpr size_t kStoredChunk = 256 * 1024;
// A thread is worth its while for compressed files from this size on.
constexpr uint64_t kLeastReadAhead = 512 * 1024;
// zlib: 15 window bits, +16 = expect a gzip header.
constexpr int kGzipWindow = 15 + 16;

class FileDescriptor {
 public:
  explicit FileDescriptor(int fd) : m_fd(fd) {}
  FileDescriptor(const FileDescriptor&) = delete;
  FileDescriptor& operator=(const FileDescriptor&) = delete;
  ~FileDescriptor() {
    if (m_fd >= 0) ::close(m_fd);
  }
  int get() const { return m_fd; }

 private:
  int m_fd;
};

}  // namespace

struct InputStream::Impl {
  Impl(int fd, uint64_t size)
      : file(fd), storedBytes(size), stored(std::clamp<uint64_t>(size, 1, kStoredChunk)) {}
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;
  ~Impl() {
    ahead.reset();  // its thread uses the rest
    if (inflating) inflateEnd(&zlib);
  }

  FileDescriptor file;
  uint64_t storedBytes;
  uint64_t consumedBytes = 0;
  std::vector<unsigned char> stored;  // bytes as in the file: [next, filled) not used yet
  size_t next = 0;
  size_t filled = 0;
  bool atEndOfFile = false;
  bool gzip = false;
  bool inflating = false;  // zlib is initialised
  bool memberDone = false;
  bool finished = false;
  InputEnd end = InputEnd::kComplete;
  z_stream zlib{};
  // Of the stored bytes, as of the last block: readGzip() may be running in a thread.
  std::atomic<uint64_t> usedBytes{0};
  std::unique_ptr<ReadAhead> ahead;

  // Bytes of the file as they are, straight to `to`; 0 at its end.
  Result<size_t> readFile(void* to, size_t capacity);
  // Reads on when all stored bytes are used.
  Result<void> refill();
  Result<size_t> readPlain(char* to, size_t capacity);
  Result<size_t> readGzip(char* to, size_t capacity);
  // Between members: starts the next one, or finishes at the end or at padding that is no member.
  void beginNextMember();
};

Result<size_t> InputStream::Impl::readFile(void* to, size_t capacity) {
  ssize_t got = 0;
  do {
    got = ::read(file.get(), to, capacity);
  } while (got < 0 && errno == EINTR);
  if (got < 0) return fail(ErrorCode::kIo, "reading stopped: {}", systemMessage(errno));
  consumedBytes += static_cast<uint64_t>(got);
  atEndOfFile = got == 0;
  return static_cast<size_t>(got);
}

Result<void> InputStream::Impl::refill() {
  if (next < filled || atEndOfFile) return {};
  next = filled = 0;
  CARACAL_TRY(got, readFile(stored.data(), stored.size()));
  filled = got;
  return {};
}

Result<size_t> InputStream::Impl::readPlain(char* to, size_t capacity) {
  size_t done = std::min(capacity, filled - next);
  std::memcpy(to, stored.data() + next, done);
  next += done;
  while (done < capacity && !atEndOfFile) {
    CARACAL_TRY(got, readFile(to + done, capacity - done));
    done += got;
  }
  usedBytes = consumedBytes - (filled - next);
  return done;
}

void InputStream::Impl::beginNextMember() {
  // gzip(1) ignores zeros and garbage after the last member, and so do we: only a magic byte goes
  // on.
  if (next == filled || stored[next] != 0x1f) {
    finished = true;
    return;
  }
  inflateReset(&zlib);
  memberDone = false;
}

Result<size_t> InputStream::Impl::readGzip(char* to, size_t capacity) {
  size_t done = 0;
  while (done < capacity && !finished) {
    CARACAL_CHECK_OK(refill());
    if (memberDone) {
      beginNextMember();
      continue;
    }
    if (next == filled) {
      end = InputEnd::kCutGzip;
      finished = true;
      break;
    }
    zlib.next_in = stored.data() + next;
    zlib.avail_in = static_cast<uInt>(filled - next);
    zlib.next_out = reinterpret_cast<Bytef*>(to + done);
    zlib.avail_out = static_cast<uInt>(std::min<size_t>(capacity - done, 1u << 30));
    const uInt room = zlib.avail_out;
    const int status = inflate(&zlib, Z_NO_FLUSH);
    next = filled - zlib.avail_in;
    done += room - zlib.avail_out;
    if (status == Z_MEM_ERROR) return fail(ErrorCode::kOutOfMemory, "no memory to decompress");
    if (status == Z_STREAM_END) {
      memberDone = true;
    } else if (status != Z_OK && status != Z_BUF_ERROR) {
      end = InputEnd::kDamagedGzip;
      finished = true;
    }
  }
  usedBytes = finished ? storedBytes : consumedBytes - (filled - next);
  return done;
}

InputStream::InputStream(std::unique_ptr<Impl> impl) : m_impl(std::move(impl)) {}
InputStream::InputStream(InputStream&&) noexcept = default;
InputStream& InputStream::operator=(InputStream&&) noexcept = default;
InputStream::~InputStream() = default;

Result<InputStream> InputStream::open(const std::string& path, Pace pace) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) {
    const ErrorCode code = errno == ENOENT ? ErrorCode::kNotFound : ErrorCode::kIo;
    return fail(code, "the file cannot be opened: {}", systemMessage(errno));
  }
  struct stat info {};
  const bool regular = ::fstat(fd, &info) == 0 && S_ISREG(info.st_mode);
  auto impl = std::make_unique<Impl>(fd, static_cast<uint64_t>(info.st_size));
  if (!regular)
    return fail(ErrorCode::kUnsupported, "not a regular file; save the trace to a file first");

  CARACAL_CHECK_OK(impl->refill());
  impl->gzip = impl->filled >= 2 && impl->stored[0] == 0x1f && impl->stored[1] == 0x8b;
  if (impl->gzip) {
    if (inflateInit2(&impl->zlib, kGzipWindow) != Z_OK) {
      return fail(ErrorCode::kOutOfMemory, "no memory to decompress");
    }
    impl->inflating = true;
    if (pace == Pace::kAhead && impl->storedBytes >= kLeastReadAhead) {
      try {
        impl->ahead = std::make_unique<ReadAhead>([own = impl.get()](std::span<char> block) {
          return own->readGzip(block.data(), block.size());
        });
      } catch (const std::system_error&) {
        // No memory for one more stack: inflated as it is asked for.
      }
    }
  }
  return InputStream(std::move(impl));
}

Result<size_t> InputStream::read(char* to, size_t capacity) {
  if (m_impl->ahead != nullptr) return m_impl->ahead->read(to, capacity);
  return m_impl->gzip ? m_impl->readGzip(to, capacity) : m_impl->readPlain(to, capacity);
}

InputEnd InputStream::end() const {
  return m_impl->end;
}

double InputStream::fraction() const {
  if (m_impl->storedBytes == 0) return 1.0;
  const uint64_t used = m_impl->usedBytes;
  return std::min(1.0, static_cast<double>(used) / static_cast<double>(m_impl->storedBytes));
}

Result<std::string> readHead(const std::string& path, size_t bytes) {
  CARACAL_TRY(stream, InputStream::open(path));
  std::string head(bytes, '\0');
  CARACAL_TRY(got, stream.read(head.data(), head.size()));
  if (got == 0 && stream.end() != InputEnd::kComplete) {
    return fail(ErrorCode::kInvalidInput,
                "a gzip file that is cut or damaged before its first byte of content; fetch it "
                "again");
  }
  head.resize(got);
  return head;
}

}  // namespace caracal::import
