#include "core/export/megatron_layout.h"

namespace caracal::exporter {
namespace {

constexpr size_t kMostLetters = 1 << 20;  // a repeat count is not a licence to fill the memory

bool isDigit(char c) {
  return c >= '0' && c <= '9';
}

// One left-to-right walk over the text; `m_out` holds the stages written out, still joined by '|'.
class LayoutParser {
 public:
  explicit LayoutParser(std::string_view text) : m_text(text) {}

  Result<std::string> run() {
    while (m_next < m_text.size()) {
      CARACAL_TRY(item, m_text[m_next] == '(' ? group() : letter());
      m_out += item;
      if (m_out.size() > kMostLetters)
        return fail(ErrorCode::kInvalidInput, "the layout repeats into too many layers");
    }
    return m_out;
  }

 private:
  // A group's items and its repeat: "(t|t)*3".
  Result<std::string> group() {
    const size_t close = m_text.find(')', m_next);
    if (close == std::string_view::npos) return wrong("\"(\" is not closed");
    ++m_next;
    std::string items;
    while (m_next < close) {
      CARACAL_TRY(item, letter());
      items += item;
    }
    if (items.empty()) return wrong("a group is empty");
    ++m_next;
    if (m_next >= m_text.size() || m_text[m_next] != '*')
      return wrong("a group needs a repeat, \")*2\"");
    return repeated(items);
  }

  // One letter with its repeat.
  Result<std::string> letter() {
    const char c = m_text[m_next];
    if (c == ',') {
      ++m_next;
      return std::string();
    }
    if (std::string_view("EtmL|").find(c) == std::string_view::npos) {
      return wrong(c == '(' ? "groups cannot be nested"
                            : "only E, t, m, L, \"|\", \",\", \"*\" and groups may stand here");
    }
    ++m_next;
    return repeated(std::string(1, c));
  }

  Result<std::string> repeated(const std::string& items) {
    if (m_next >= m_text.size() || m_text[m_next] != '*') return items;
    ++m_next;
    size_t count = 0;
    const size_t begin = m_next;
    while (m_next < m_text.size() && isDigit(m_text[m_next]) && count <= kMostLetters) {
      count = count * 10 + static_cast<size_t>(m_text[m_next++] - '0');
    }
    if (m_next == begin) return wrong("\"*\" needs a number");
    if (count * items.size() > kMostLetters)
      return wrong("the layout repeats into too many layers");
    std::string result;
    for (size_t i = 0; i < count; ++i) result += items;
    return result;
  }

  tl::unexpected<Error> wrong(std::string_view what) const {
    return fail(ErrorCode::kInvalidInput, "layout \"{}\", character {}: {}", m_text, m_next + 1,
                what);
  }

  std::string_view m_text;
  size_t m_next = 0;
  std::string m_out;
};

}  // namespace

std::string layoutText(const std::vector<int32_t>& layersOfStage) {
  std::string text;
  for (size_t s = 0; s < layersOfStage.size(); ++s) {
    text += s == 0 ? "E" : "|";
    if (layersOfStage[s] > 0) text += fmt::format("t*{}", layersOfStage[s]);
  }
  return text + (text.ends_with('|') ? "L" : ",L");
}

Result<std::vector<std::string>> parseLayout(std::string_view text) {
  CARACAL_TRY(joined, LayoutParser(text).run());
  std::vector<std::string> stages(1);
  for (const char c : joined) {
    if (c == '|') {
      stages.emplace_back();
    } else {
      stages.back() += c;
    }
  }
  return stages;
}

}  // namespace caracal::exporter
