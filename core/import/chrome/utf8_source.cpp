#include "core/import/chrome/utf8_source.h"

#include <algorithm>
#include <cstring>

namespace caracal::import::chrome {
namespace {

constexpr size_t kRawChunk = 256 * 1024;
constexpr size_t kHeadForEncoding = 4;
constexpr uint32_t kReplacement = 0xFFFD;

bool startsWith(std::string_view text, std::string_view prefix) {
  return text.substr(0, prefix.size()) == prefix;
}

}  // namespace

Encoding encodingOf(std::string_view head) {
  using namespace std::string_view_literals;
  if (startsWith(head, "\xEF\xBB\xBF"sv)) return Encoding::kUtf8WithMark;
  if (startsWith(head, "\xFF\xFE"sv) || startsWith(head, "{\0"sv) || startsWith(head, "[\0"sv)) {
    return Encoding::kUtf16Little;
  }
  if (startsWith(head, "\xFE\xFF"sv) || startsWith(head, "\0{"sv) || startsWith(head, "\0["sv)) {
    return Encoding::kUtf16Big;
  }
  return Encoding::kUtf8;
}

void appendUtf8(std::string& to, uint32_t codePoint) {
  const auto put = [&](uint32_t byte) { to.push_back(static_cast<char>(byte)); };
  if (codePoint < 0x80) {
    put(codePoint);
  } else if (codePoint < 0x800) {
    put(0xC0 | (codePoint >> 6));
    put(0x80 | (codePoint & 0x3F));
  } else if (codePoint < 0x10000) {
    put(0xE0 | (codePoint >> 12));
    put(0x80 | ((codePoint >> 6) & 0x3F));
    put(0x80 | (codePoint & 0x3F));
  } else {
    put(0xF0 | (codePoint >> 18));
    put(0x80 | ((codePoint >> 12) & 0x3F));
    put(0x80 | ((codePoint >> 6) & 0x3F));
    put(0x80 | (codePoint & 0x3F));
  }
}

std::string utf8OfUtf16(std::string_view bytes, Encoding encoding, std::string& rest) {
  const auto unitAt = [&](size_t i) {
    const auto low =
        static_cast<unsigned char>(bytes[encoding == Encoding::kUtf16Little ? i : i + 1]);
    const auto high =
        static_cast<unsigned char>(bytes[encoding == Encoding::kUtf16Little ? i + 1 : i]);
    return static_cast<uint32_t>(high << 8 | low);
  };
  std::string text;
  text.reserve(bytes.size() / 2 + 16);
  size_t i = 0;
  for (; i + 1 < bytes.size(); i += 2) {
    const uint32_t unit = unitAt(i);
    if (unit == 0xFEFF && i == 0) continue;  // byte order mark
    if (unit < 0xD800 || unit > 0xDFFF) {
      appendUtf8(text, unit);
      continue;
    }
    if (unit < 0xDC00 && i + 3 >= bytes.size()) break;  // the other half comes with the next chunk
    const uint32_t next = unit < 0xDC00 ? unitAt(i + 2) : 0;
    const bool pair = next >= 0xDC00 && next <= 0xDFFF;
    appendUtf8(text, pair ? 0x10000 + ((unit - 0xD800) << 10) + (next - 0xDC00) : kReplacement);
    if (pair) i += 2;
  }
  rest = bytes.substr(std::min(i, bytes.size()));
  return text;
}

Result<Utf8Source> Utf8Source::open(const std::string& path) {
  CARACAL_TRY(stream, InputStream::open(path, InputStream::Pace::kAhead));
  Utf8Source source(std::move(stream));
  std::string head(kHeadForEncoding, '\0');
  CARACAL_TRY(got, source.m_stream.read(head.data(), head.size()));
  head.resize(got);
  source.m_encoding = encodingOf(head);
  if (source.m_encoding == Encoding::kUtf16Little || source.m_encoding == Encoding::kUtf16Big) {
    source.m_raw = head;
  } else {
    source.m_pending = source.m_encoding == Encoding::kUtf8WithMark ? head.substr(3) : head;
    source.m_direct = true;
  }
  return source;
}

Result<void> Utf8Source::refill() {
  m_next = 0;
  m_pending.clear();
  if (m_direct) return {};
  const size_t before = m_raw.size();
  m_raw.resize(before + kRawChunk);
  CARACAL_TRY(got, m_stream.read(m_raw.data() + before, kRawChunk));
  m_raw.resize(before + got);
  if (got == 0) m_raw.clear();  // half a unit at the end
  std::string rest;
  m_pending = utf8OfUtf16(m_raw, m_encoding, rest);
  m_raw = std::move(rest);
  return {};
}

Result<size_t> Utf8Source::read(char* to, size_t capacity) {
  size_t done = 0;
  while (done < capacity) {
    if (m_next == m_pending.size()) {
      if (m_direct) {
        CARACAL_TRY(got, m_stream.read(to + done, capacity - done));
        return done + got;
      }
      CARACAL_CHECK_OK(refill());
      if (m_pending.empty()) break;
    }
    const size_t part = std::min(capacity - done, m_pending.size() - m_next);
    std::memcpy(to + done, m_pending.data() + m_next, part);
    m_next += part;
    done += part;
  }
  return done;
}

}  // namespace caracal::import::chrome
