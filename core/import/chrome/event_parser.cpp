#include "core/import/chrome/event_parser.h"

#include <simdjson.h>

#include <cstring>
#include <string>
#include <vector>

#include "core/import/chrome/plain_event_reader.h"
#include "core/import/chrome/repair.h"

namespace caracal::import::chrome {
namespace {

namespace ondemand = simdjson::ondemand;
using simdjson::error_code;
using trace::Defect;
using trace::ImportReport;

static_assert(kParserPadding >= simdjson::SIMDJSON_PADDING);

std::string_view trimmed(std::string_view token) {
  while (!token.empty() && static_cast<unsigned char>(token.back()) <= ' ') token.remove_suffix(1);
  return token;
}

// The key's text: from behind its opening quote to the closing one. Keys with escapes end early,
// which only means that they are not recognised.
std::string_view keyOf(simdjson::simdjson_result<ondemand::raw_json_string> key,
                       error_code& error) {
  ondemand::raw_json_string raw;
  if ((error = std::move(key).get(raw))) return {};
  const char* begin = raw.raw();
  return {begin, static_cast<size_t>(static_cast<const char*>(std::strchr(begin, '"')) - begin)};
}

// Reads one object; reused, so that the argument list keeps its memory.
class EventReader {
 public:
  error_code read(ondemand::object object, ChromeEvent& event) {
    m_arguments.clear();
    m_nonFinite = 0;
    event = {};
    for (auto field : object) {
      error_code error = simdjson::SUCCESS;
      const std::string_view key = keyOf(field.key(), error);
      if (error) return error;
      ondemand::value value;
      if ((error = field.value().get(value))) return error;
      if ((error = take(key, value, event))) return error;
    }
    event.arguments = m_arguments;
    return simdjson::SUCCESS;
  }
  int64_t nonFinite() const { return m_nonFinite; }

 private:
  error_code take(std::string_view key, ondemand::value& value, ChromeEvent& event) {
    if (key == "ph") {
      const std::string_view phase = scalar(value);
      event.phase = phase.size() == 1 ? phase[0] : '\0';
    } else if (key == "name") {
      return takeName(value, event);
    } else if (key == "cat") {
      event.category = scalar(value);
    } else if (key == "ts") {
      event.time = scalar(value);
    } else if (key == "dur") {
      event.duration = scalar(value);
    } else if (key == "pid") {
      event.process = scalar(value);
    } else if (key == "tid") {
      event.thread = scalar(value);
    } else if (key == "id") {
      event.id = scalar(value);
    } else if (key == "args") {
      return takeArguments(value, event);
    }
    return simdjson::SUCCESS;
  }

  std::string_view token(ondemand::value& value) {
    const std::string_view text = trimmed(value.raw_json_token());
    // Numbers begin with a digit; what begins with a letter or a minus may be NaN or -Infinity.
    if (!text.empty() && (text[0] == '-' || text[0] > '9') && isNonFinite(text)) ++m_nonFinite;
    return text;
  }

  std::string_view scalar(ondemand::value& value) { return withoutQuotes(token(value)); }

  error_code takeName(ondemand::value& value, ChromeEvent& event) {
    const std::string_view text = token(value);
    // Resolving escapes copies the text; nearly all names have none.
    if (text.find('\\') != std::string_view::npos) return value.get_string().get(event.name);
    event.name = withoutQuotes(text);
    return simdjson::SUCCESS;
  }

  error_code takeArguments(ondemand::value& value, ChromeEvent& event) {
    if (token(value).substr(0, 1) != "{") return simdjson::SUCCESS;
    ondemand::object object;
    if (const error_code error = value.get_object().get(object)) return error;
    event.hasArguments = true;
    for (auto field : object) {
      error_code error = simdjson::SUCCESS;
      const std::string_view key = keyOf(field.key(), error);
      if (error) return error;
      ondemand::value argument;
      if ((error = field.value().get(argument))) return error;
      std::string_view text = token(argument);
      if (isContainer(text) && (error = wholeContainer(argument, text))) return error;
      m_arguments.push_back({key, text});
    }
    return simdjson::SUCCESS;
  }

  static error_code wholeContainer(ondemand::value& value, std::string_view& text) {
    if (text[0] == '[') {
      ondemand::array array;
      if (const error_code error = value.get_array().get(array)) return error;
      return array.raw_json().get(text);
    }
    ondemand::object object;
    if (const error_code error = value.get_object().get(object)) return error;
    return object.raw_json().get(text);
  }

  std::vector<Argument> m_arguments;
  int64_t m_nonFinite = 0;
};

}  // namespace

struct EventParser::Impl {
  PlainEventReader plain;
  ondemand::parser parser;
  EventReader reader;
  ChromeEvent event;

  void deliver(const EventSink& sink, ImportReport& report) {
    report.count(Defect::kNonFiniteNumber, reader.nonFinite() > 0 ? 1 : 0);
    sink(event);
  }

  error_code parseAlone(const char* text, size_t length, size_t allocated);
  void parseOne(const char* text, size_t length, const EventSink& sink, ImportReport& report);
};

error_code EventParser::Impl::parseAlone(const char* text, size_t length, size_t allocated) {
  ondemand::document document;
  if (const error_code error = parser.iterate(text, length, allocated).get(document)) return error;
  ondemand::object object;
  if (const error_code error = document.get_object().get(object)) return error;
  return reader.read(object, event);
}

void EventParser::Impl::parseOne(const char* text, size_t length, const EventSink& sink,
                                 ImportReport& report) {
  if (*text != '{') {
    report.count(Defect::kNotAnObject);
    return;
  }
  if (parseAlone(text, length, length + kParserPadding) == simdjson::SUCCESS) {
    deliver(sink, report);
    return;
  }
  RepairedJson repaired = repairJson({text, length});
  const size_t size = repaired.text.size();
  repaired.text.resize(size + kParserPadding, ' ');
  if (parseAlone(repaired.text.data(), size, repaired.text.size()) != simdjson::SUCCESS) {
    report.count(Defect::kUnreadableEvent);
    return;
  }
  report.count(Defect::kRepairedText, repaired.repairedStrings ? 1 : 0);
  report.count(Defect::kNonFiniteNumber, repaired.replacedNumbers ? 1 : 0);
  deliver(sink, report);
}

EventParser::EventParser() : m_impl(std::make_unique<Impl>()) {}
EventParser::~EventParser() = default;

size_t EventParser::parsePlain(std::string_view text, const EventSink& sink) {
  const size_t length = m_impl->plain.read(text, m_impl->event);
  if (length > 0) sink(m_impl->event);
  return length;
}

void EventParser::parse(std::string_view entry, const EventSink& sink, ImportReport& report) {
  m_impl->parseOne(entry.data(), entry.size(), sink, report);
}

}  // namespace caracal::import::chrome
