#include "core/import/chrome/repair.h"

#include <algorithm>
#include <array>
#include <cctype>

namespace caracal::import::chrome {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

bool isHex(char c) {
  return std::isxdigit(static_cast<unsigned char>(c)) != 0;
}

// Length of the valid UTF-8 sequence at the beginning of `text`, 0 when there is none.
size_t utf8Length(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  if (first < 0x80) return 1;
  const size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4 || text.size() < length) return 0;
  for (size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return 0;
  }
  // Over-long forms, surrogates and numbers above U+10FFFF.
  if ((first == 0xE0 && byte(1) < 0xA0) || (first == 0xED && byte(1) > 0x9F) ||
      (first == 0xF0 && byte(1) < 0x90) || (first == 0xF4 && byte(1) > 0x8F)) {
    return 0;
  }
  return length;
}

class Repairer {
 public:
  explicit Repairer(std::string_view text) : m_in(text) { m_out.text.reserve(text.size() + 16); }

  RepairedJson run() && {
    while (m_at < m_in.size()) {
      if (m_in[m_at] == '"') {
        copyString();
      } else if (startsWord()) {
        copyWord();
      } else {
        m_out.text += m_in[m_at++];
      }
    }
    return std::move(m_out);
  }

 private:
  bool startsWord() const {
    const char c = m_in[m_at];
    return std::isalpha(static_cast<unsigned char>(c)) != 0 || c == '-' || c == '+';
  }

  void copyWord() {
    size_t end = m_at + 1;
    while (end < m_in.size() && std::isalnum(static_cast<unsigned char>(m_in[end])) != 0) ++end;
    const std::string_view word = m_in.substr(m_at, end - m_at);
    if (isNonFinite(word)) {
      m_out.text += "null";
      m_out.replacedNumbers = true;
    } else {
      m_out.text += word;
    }
    m_at = end;
  }

  void copyString() {
    m_out.text += m_in[m_at++];
    while (m_at < m_in.size() && m_in[m_at] != '"') {
      if (m_in[m_at] == '\\') {
        copyEscape();
      } else if (static_cast<unsigned char>(m_in[m_at]) < 0x20) {
        m_out.text += ' ';
        m_out.repairedStrings = true;
        ++m_at;
      } else {
        copyCharacter();
      }
    }
    if (m_at < m_in.size()) m_out.text += m_in[m_at++];
  }

  void copyCharacter() {
    const size_t length = utf8Length(m_in.substr(m_at));
    if (length == 0) {
      m_out.text += kReplacement;
      m_out.repairedStrings = true;
      ++m_at;
      return;
    }
    m_out.text += m_in.substr(m_at, length);
    m_at += length;
  }

  void copyEscape() {
    const std::string_view rest = m_in.substr(m_at);
    if (rest.size() >= 2 &&
        std::string_view("\"\\/bfnrt").find(rest[1]) != std::string_view::npos) {
      m_out.text += rest.substr(0, 2);
      m_at += 2;
    } else if (isUnit(rest)) {
      copyUnit(rest);
    } else {
      m_out.text += "\\\\";
      m_out.repairedStrings = true;
      ++m_at;
    }
  }

  static bool isUnit(std::string_view text) {
    return text.size() >= 6 && text[0] == '\\' && text[1] == 'u' &&
           std::all_of(text.begin() + 2, text.begin() + 6, isHex);
  }
  static bool isSurrogate(std::string_view unit, std::string_view thirdDigits) {
    return std::tolower(static_cast<unsigned char>(unit[2])) == 'd' &&
           thirdDigits.find(static_cast<char>(std::tolower(static_cast<unsigned char>(unit[3])))) !=
               std::string_view::npos;
  }

  // A surrogate that stands alone is no character.
  void copyUnit(std::string_view rest) {
    const bool high = isSurrogate(rest, "89ab");
    const bool low = isSurrogate(rest, "cdef");
    const bool pair = high && isUnit(rest.substr(6)) && isSurrogate(rest.substr(6), "cdef");
    if (pair || (!high && !low)) {
      const size_t length = pair ? 12 : 6;
      m_out.text += rest.substr(0, length);
      m_at += length;
      return;
    }
    m_out.text += kReplacement;
    m_out.repairedStrings = true;
    m_at += 6;
  }

  std::string_view m_in;
  size_t m_at = 0;
  RepairedJson m_out;
};

}  // namespace

bool isNonFinite(std::string_view token) {
  if (!token.empty() && (token[0] == '-' || token[0] == '+')) token.remove_prefix(1);
  std::string word(token.substr(0, 9));
  for (char& c : word) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return token.size() <= 8 && (word == "nan" || word == "inf" || word == "infinity");
}

RepairedJson repairJson(std::string_view text) {
  return Repairer(text).run();
}

}  // namespace caracal::import::chrome
