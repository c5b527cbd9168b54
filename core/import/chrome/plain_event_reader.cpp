#include "core/import/chrome/plain_event_reader.h"

#include <bit>
#include <cstring>

#include "core/import/chrome/byte_masks.h"

namespace caracal::import::chrome {
namespace {

static_assert(std::endian::native == std::endian::little, "codeOf() takes a key for one number");

// Zero bytes follow the text, so loops over single bytes end there by themselves.

inline bool isDigit(char c) {
  return c >= '0' && c <= '9';
}

// Nearly every byte that is asked for lies above the blank: one comparison.
inline bool isBlank(char c) {
  return static_cast<unsigned char>(c) <= ' ' && (c == ' ' || c == '\n' || c == '\r' || c == '\t');
}

inline const char* skipBlanks(const char* at) {
  while (isBlank(*at)) ++at;
  return at;
}

inline bool isHexDigit(char c) {
  return isDigit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

// Behind the escape that begins here; null when it is none of JSON's.
inline const char* escapeEnd(const char* at) {
  constexpr int kHexDigits = 4;
  switch (at[1]) {
    case '"':
    case '\\':
    case '/':
    case 'b':
    case 'f':
    case 'n':
    case 'r':
    case 't':
      return at + 2;
    case 'u':
      for (int i = 0; i < kHexDigits; ++i) {
        if (!isHexDigit(at[2 + i])) return nullptr;
      }
      return at + 2 + kHexDigits;
    default:
      return nullptr;
  }
}

// From behind an opening quote to the closing one; null when the text ends first, or has control
// characters, other bytes than ASCII or unknown escapes on the way. Sets `escapes` when there are
// any.
inline const char* closingQuote(const char* at, const char* limit, bool& escapes) {
  while (at < limit) {
    const ByteMasks bytes(at);
    const uint32_t stops = bytes.equal('"') | bytes.equal('\\') | bytes.controlOrNotAscii();
    if (stops == 0) {
      at += kMaskBytes;
      continue;
    }
    at += std::countr_zero(stops);
    if (*at == '"') return at;
    if (*at != '\\') return nullptr;
    escapes = true;
    at = escapeEnd(at);
    if (at == nullptr) return nullptr;
  }
  return nullptr;
}
inline const char* closingQuote(const char* at, const char* limit) {
  bool ignored = false;
  return closingQuote(at, limit, ignored);
}

// Behind the array or object that begins here.
const char* containerEnd(const char* at, const char* limit) {
  int depth = 0;
  while (at < limit) {
    const ByteMasks bytes(at);
    if (bytes.notAscii() != 0) return nullptr;
    uint32_t stops = bytes.equal('"') | bytes.opens() | bytes.closes();
    const char* next = at + kMaskBytes;
    for (; stops != 0; stops &= stops - 1) {
      const char* const stop = at + std::countr_zero(stops);
      if (*stop == '"') {
        const char* const quote = closingQuote(stop + 1, limit);
        if (quote == nullptr) return nullptr;
        next = quote + 1;
        break;
      }
      depth += *stop == '{' || *stop == '[' ? 1 : -1;
      if (depth == 0) return stop + 1;
    }
    at = next;
  }
  return nullptr;
}

// Behind a run of bytes that numbers are made of.
inline const char* numberEnd(const char* at) {
  for (;; at += kMaskBytes) {
    const uint32_t stops = ~ByteMasks(at).numeric() & 0xFFFF;
    if (stops != 0) return at + std::countr_zero(stops);
  }
}

// Behind true, false or null; NaN and Infinity are for the repair.
const char* literalEnd(const char* at) {
  for (const std::string_view literal : {"null", "true", "false"}) {
    if (std::strncmp(at, literal.data(), literal.size()) == 0) return at + literal.size();
  }
  return nullptr;
}

// A value with its quotes, if it has any.
inline const char* valueAt(const char* at, const char* limit, std::string_view& json,
                           bool& escapes) {
  const char* end = nullptr;
  if (isDigit(*at) || (*at == '-' && isDigit(at[1]))) {
    end = numberEnd(at + 1);
  } else if (*at == '"') {
    end = closingQuote(at + 1, limit, escapes);
    if (end != nullptr) ++end;
  } else if (*at == '{' || *at == '[') {
    end = containerEnd(at, limit);
  } else {
    end = literalEnd(at);
  }
  if (end != nullptr) json = {at, static_cast<size_t>(end - at)};
  return end;
}

// Behind `"key":` and the blanks that follow it.
inline const char* keyAt(const char* at, const char* limit, std::string_view& key) {
  if (*at != '"') return nullptr;
  const char* const end = closingQuote(at + 1, limit);
  if (end == nullptr) return nullptr;
  key = {at + 1, static_cast<size_t>(end - at - 1)};
  at = skipBlanks(end + 1);
  return *at == ':' ? skipBlanks(at + 1) : nullptr;
}

// Behind a member: at the next one's key, or at the closing brace, which no comma precedes.
inline const char* separatorAt(const char* at) {
  at = skipBlanks(at);
  if (*at == '}') return at;
  if (*at != ',') return nullptr;
  at = skipBlanks(at + 1);
  return *at == '"' ? at : nullptr;
}

// A key of up to four letters as one number; 0 for others. Looks at four bytes from the key on.
inline uint32_t codeOf(std::string_view key) {
  uint32_t code = 0;
  if (key.empty() || key.size() > sizeof(code)) return 0;
  std::memcpy(&code, key.data(), sizeof(code));
  return code & ~uint32_t{0} >> (8 * (sizeof(code) - key.size()));
}
constexpr uint32_t keyCode(std::string_view key) {
  uint32_t code = 0;
  for (size_t i = 0; i < key.size(); ++i)
    code |= uint32_t{static_cast<unsigned char>(key[i])} << (8 * i);
  return code;
}

// Where a member of an event is kept; null when it is not.
inline std::string_view* memberFor(uint32_t code, ChromeEvent& event) {
  switch (code) {
    case keyCode("cat"):
      return &event.category;
    case keyCode("ts"):
      return &event.time;
    case keyCode("dur"):
      return &event.duration;
    case keyCode("pid"):
      return &event.process;
    case keyCode("tid"):
      return &event.thread;
    case keyCode("id"):
      return &event.id;
    case keyCode("name"):
      return &event.name;
    default:
      return nullptr;
  }
}

}  // namespace

const char* PlainEventReader::arguments(const char* at) {
  at = skipBlanks(at + 1);
  while (*at != '}') {
    Argument& argument = m_arguments.emplace_back();
    at = keyAt(at, m_limit, argument.key);
    bool escapes = false;
    if (at != nullptr) at = valueAt(at, m_limit, argument.value, escapes);
    if (at != nullptr) at = separatorAt(at);
    if (at == nullptr) return nullptr;
  }
  return at + 1;
}

const char* PlainEventReader::member(const char* at, ChromeEvent& event) {
  std::string_view key, json;
  at = keyAt(at, m_limit, key);
  if (at == nullptr) return nullptr;
  const uint32_t code = codeOf(key);
  if (code == keyCode("args") && *at == '{') {
    event.hasArguments = true;
    return arguments(at);
  }
  bool escapes = false;
  at = valueAt(at, m_limit, json, escapes);
  if (at == nullptr) return nullptr;
  if (code == keyCode("ph")) {
    if (isContainer(json)) return nullptr;
    const std::string_view phase = withoutQuotes(json);
    event.phase = phase.size() == 1 ? phase[0] : '\0';
    return at;
  }
  std::string_view* const kept = memberFor(code, event);
  if (kept == nullptr) return at;
  if (isContainer(json)) return nullptr;
  *kept = withoutQuotes(json);
  // A name with escapes must be resolved, and they may be bad ones.
  if (kept == &event.name && escapes) return nullptr;
  return at;
}

size_t PlainEventReader::read(std::string_view text, ChromeEvent& event) {
  const char* at = text.data();
  m_limit = at + text.size();
  m_arguments.clear();
  event = {};
  if (*at != '{') return 0;
  at = skipBlanks(at + 1);
  while (*at != '}') {
    at = member(at, event);
    if (at != nullptr) at = separatorAt(at);
    if (at == nullptr) return 0;
  }
  event.arguments = m_arguments;
  return static_cast<size_t>(at + 1 - text.data());
}

}  // namespace caracal::import::chrome
