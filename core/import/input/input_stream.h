// InputStream: one input file as a stream of its plain bytes. gzip is recognised by its magic
// bytes, never by the file's name, may have several members, and is inflated on the way. Used by
// the readers of text formats; binary formats (SQLite) open the path themselves.
//
// Not thread-safe; one stream per reader.
#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "core/base/result.h"

namespace caracal::import {

// How the bytes ended. Everything before the cut or the damage has been delivered.
enum class InputEnd { kComplete, kCutGzip, kDamagedGzip };

class InputStream {
 public:
  // kAhead: large compressed files are inflated by a thread of the stream's own, some blocks ahead
  // of read().
  enum class Pace : unsigned char { kAsAsked, kAhead };
  // Fails with kNotFound or kIo, in words. Only regular files: a stream is opened twice (head, then
  // all).
  static Result<InputStream> open(const std::string& path, Pace pace = Pace::kAsAsked);
  InputStream(InputStream&&) noexcept;
  InputStream& operator=(InputStream&&) noexcept;
  ~InputStream();

  // Fills `to` with up to `capacity` bytes, fewer only at the end; 0 when there are no more.
  Result<size_t> read(char* to, size_t capacity);

  InputEnd end() const;     // meaningful once read() has returned less than asked for
  double fraction() const;  // part of the stored file that has been consumed, 0 to 1

 private:
  struct Impl;
  explicit InputStream(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> m_impl;
};

inline constexpr size_t kHeadBytes = 64 * 1024;
// The first bytes after decompression, for Importer::accepts(). Damage behind them goes unnoticed
// here.
Result<std::string> readHead(const std::string& path, size_t bytes = kHeadBytes);

}  // namespace caracal::import
