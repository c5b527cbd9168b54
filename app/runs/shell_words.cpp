#include "app/runs/shell_words.h"

#include <optional>

namespace caracal::runs {
namespace {

constexpr std::string_view kPlain =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-+=,./:@%";
constexpr std::string_view kNeedsShell = "|&;<>()$`*?[#~!{";
constexpr std::string_view kBlanks = " \t\n";

std::string quoted(const std::string& word) {
  if (!word.empty() && word.find_first_not_of(kPlain) == std::string::npos) return word;
  std::string text = "'";
  for (const char c : word) {
    if (c == '\'') {
      text += "'\\''";
    } else {
      text += c;
    }
  }
  return text + "'";
}

// Reads one command from left to right.
class Splitter {
 public:
  explicit Splitter(std::string_view text) : m_text(text) {}

  Result<std::vector<std::string>> split() {
    while (m_at < m_text.size()) {
      const char c = m_text[m_at++];
      if (kBlanks.find(c) != std::string_view::npos) {
        endWord();
      } else if (c == '\'' || c == '"') {
        CARACAL_CHECK_OK(readQuoted(c));
      } else if (c == '\\' && m_at < m_text.size()) {
        append(m_text[m_at++]);
      } else if (kNeedsShell.find(c) != std::string_view::npos) {
        return needsShell(c);
      } else {
        append(c);
      }
    }
    endWord();
    return std::move(m_words);
  }

 private:
  Result<void> readQuoted(char quote) {
    if (!m_word) m_word.emplace();
    while (m_at < m_text.size()) {
      const char c = m_text[m_at++];
      if (c == quote) return {};
      if (quote == '"' && (c == '$' || c == '`')) return needsShell(c);
      const bool escapes = quote == '"' && c == '\\' && m_at < m_text.size();
      append(escapes ? m_text[m_at++] : c);
    }
    return fail(ErrorCode::kInvalidInput, "a {} in the command is not closed", quote);
  }

  static tl::unexpected<Error> needsShell(char c) {
    return fail(ErrorCode::kInvalidInput,
                "'{}' in the command needs a shell: quote it, or write sh -c '...' around it", c);
  }

  void append(char c) {
    if (!m_word) m_word.emplace();
    *m_word += c;
  }

  void endWord() {
    if (m_word) m_words.push_back(std::move(*m_word));
    m_word.reset();
  }

  std::string_view m_text;
  size_t m_at = 0;
  std::optional<std::string> m_word;  // "" is a word
  std::vector<std::string> m_words;
};

}  // namespace

std::string shellText(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) {
    if (!text.empty()) text += ' ';
    text += quoted(word);
  }
  return text;
}

Result<std::vector<std::string>> shellWords(std::string_view text) {
  return Splitter(text).split();
}

}  // namespace caracal::runs
