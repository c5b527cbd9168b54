#include "core/analysis/pass_words.h"

#include <cctype>
#include <map>
#include <string>

namespace caracal::analysis {
namespace {

using trace::Pass;

// Reads "Forward stage 1 mb 3" word by word; any word that it does not know, or a number too many,
// makes the whole unknown.
class WordReader {
 public:
  std::optional<AnnotationMeaning> read(std::string_view text) {
    while (!text.empty()) {
      const auto letter = static_cast<unsigned char>(text.front());
      if (std::isalpha(letter) != 0) {
        if (!takeWord(text)) return std::nullopt;
      } else if (std::isdigit(letter) != 0) {
        const auto number = takeNumber(text);
        if (!number || !store(*number)) return std::nullopt;
      } else if (kSeparators.find(text.front()) != std::string_view::npos) {
        text.remove_prefix(1);
      } else {
        return std::nullopt;
      }
    }
    const bool complete = m_next == nullptr || m_stored;
    if (m_meaning.pass == Pass::kNone || !complete) return std::nullopt;
    return m_meaning;
  }

 private:
  static constexpr std::string_view kSeparators = " _-:=#,()[]";

  bool takeWord(std::string_view& text) {
    std::string word;
    while (!text.empty() && std::isalpha(static_cast<unsigned char>(text.front())) != 0) {
      word += static_cast<char>(std::tolower(static_cast<unsigned char>(text.front())));
      text.remove_prefix(1);
    }
    static const std::map<std::string, Pass> kPassWords{
        {"forward", Pass::kForward},       {"fwd", Pass::kForward},
        {"forwardpass", Pass::kForward},   {"forwardstep", Pass::kForward},
        {"backward", Pass::kBackward},     {"bwd", Pass::kBackward},
        {"backwardpass", Pass::kBackward}, {"backwardstep", Pass::kBackward},
        {"fprop", Pass::kForward},         {"bprop", Pass::kBackward},
        {"optimizer", Pass::kOptimizer}};
    if (const auto pass = kPassWords.find(word); pass != kPassWords.end()) {
      const bool first = m_meaning.pass == Pass::kNone;
      m_meaning.pass = pass->second;
      return first && expect(&m_meaning.microBatch);
    }
    if (word == "stage") return expect(&m_meaning.stage);
    if (word == "chunk") return expect(&m_meaning.chunk);
    if (word == "mb" || word == "microbatch") return expect(&m_meaning.microBatch);
    if (word == "micro")
      return take(text, "_batch") || take(text, "-batch") || take(text, " batch")
                 ? expect(&m_meaning.microBatch)
                 : false;
    // "forward_step", "backward pass": of a number behind them nobody knows what it counts.
    if (word == "step" || word == "pass" || word == "compute") {
      m_next = nullptr;
      return m_meaning.pass != Pass::kNone;
    }
    return false;
  }

  // The next number is this one. A pass without a number is fine, "stage" without one is not.
  bool expect(int32_t* field) {
    if (m_next != nullptr && !m_stored && m_next != &m_meaning.microBatch) return false;
    m_next = field;
    m_stored = field == &m_meaning.microBatch;
    return true;
  }

  bool store(int32_t number) {
    if (m_next == nullptr && m_meaning.pass == Pass::kNone) m_next = &m_meaning.microBatch;
    if (m_next == nullptr || *m_next >= 0) return false;
    *m_next = number;
    m_stored = true;
    return true;
  }

  AnnotationMeaning m_meaning{Framework::kPassWords};
  int32_t* m_next = nullptr;  // field of the next number
  bool m_stored = false;      // whether it has come, or need not
};

}  // namespace

std::optional<AnnotationMeaning> passInWords(std::string_view text) {
  return WordReader().read(text);
}

}  // namespace caracal::analysis
