// The text side of Chrome traces: numbers, repair, and where entries begin and end.
#include <gtest/gtest.h>

#include <random>
#include <utility>

#include "core/import/chrome/chrome_event.h"
#include "core/import/chrome/decimal.h"
#include "core/import/chrome/element_scanner.h"
#include "core/import/chrome/json_text.h"
#include "core/import/chrome/repair.h"
#include "core/import/chrome/utf8_source.h"

namespace caracal::import::chrome {
namespace {

TEST(Decimal, microsecondsBecomeNanosecondsExactlyWhereADoubleWouldNot) {
  EXPECT_EQ(nanosecondsOfMicroseconds("1712195495519689.047"), 1712195495519689047);
  EXPECT_EQ(nanosecondsOfMicroseconds("6322354292627.936"), 6322354292627936);
  EXPECT_EQ(nanosecondsOfMicroseconds("12"), 12000);
  EXPECT_EQ(nanosecondsOfMicroseconds("0.0"), 0);
  EXPECT_EQ(nanosecondsOfMicroseconds("9223372036854775.807"), INT64_MAX);
}

TEST(Decimal, roundsHalfUpFromTheText) {
  EXPECT_EQ(nanosecondsOfMicroseconds("1.0004"), 1000);
  EXPECT_EQ(nanosecondsOfMicroseconds("1.0005"), 1001);
  EXPECT_EQ(nanosecondsOfMicroseconds("1.00049999999999999999999"), 1000);
  EXPECT_EQ(nanosecondsOfMicroseconds("848671.6747283936"), 848671675);
  EXPECT_EQ(nanosecondsOfMicroseconds("0.00005"), 0);
  EXPECT_EQ(nanosecondsOfMicroseconds("-1.0005"), -1000);  // half: towards plus infinity
  EXPECT_EQ(nanosecondsOfMicroseconds("-1.00050001"), -1001);
  EXPECT_EQ(scaledDecimal("0.5", 0), 1);
  EXPECT_EQ(scaledDecimal("-0.5", 0), 0);
}

TEST(Decimal, exponentsMoveThePoint) {
  EXPECT_EQ(nanosecondsOfMicroseconds("1.5e3"), 1500000);
  EXPECT_EQ(nanosecondsOfMicroseconds("1234567E-6"), 1235);
  EXPECT_EQ(nanosecondsOfMicroseconds("1e-9"), 0);
  EXPECT_EQ(nanosecondsOfMicroseconds("0e999"), 0);
}

// Eight bytes are taken at once where they are digits: what lies beside the digits is none.
TEST(Decimal, pointsAndSignsAmongDigitsAreNoDigits) {
  EXPECT_EQ(signedInteger("1234567.0"), 1234567);
  EXPECT_EQ(signedInteger("123456789.25"), 123456789);
  EXPECT_EQ(unsignedInteger("1234567.0"), std::nullopt);
  for (int c = 1; c < 256; ++c) {
    if (c >= '0' && c <= '9') continue;
    std::string text = "12345678";
    for (char& digit : text) {
      const char before = std::exchange(digit, static_cast<char>(c));
      EXPECT_EQ(unsignedInteger(text), std::nullopt) << text;
      digit = before;
    }
  }
}

TEST(Decimal, whatIsNoNumberOrDoesNotFitIsNothing) {
  for (const char* text : {"", "-", ".", "abc", "1.2.3", "1e", "12us", "NaN",
                           "9223372036854775.8075", "1e400", "1e99999"}) {
    EXPECT_EQ(nanosecondsOfMicroseconds(text), std::nullopt) << text;
  }
}

TEST(Decimal, agreesWithLongArithmeticOnRandomNumbers) {
  const uint64_t seed = 20240601;
  SCOPED_TRACE(seed);
  std::mt19937_64 random(seed);
  for (int i = 0; i < 20000; ++i) {
    const auto whole = static_cast<int64_t>(random() % 2000000000000000);
    const int digits = static_cast<int>(random() % 12);
    std::string fraction;
    for (int d = 0; d < digits; ++d) fraction += static_cast<char>('0' + random() % 10);
    const std::string text = std::to_string(whole) + (digits > 0 ? "." + fraction : "");
    const std::string padded = fraction + "0000";
    const int64_t expected =
        whole * 1000 + std::stoll(padded.substr(0, 3)) + (padded[3] >= '5' ? 1 : 0);
    ASSERT_EQ(nanosecondsOfMicroseconds(text), expected) << text;
  }
}

TEST(Decimal, idsAboveInt64KeepTheirBits) {
  EXPECT_EQ(unsignedInteger("10159970886766084423"), 10159970886766084423u);
  EXPECT_EQ(unsignedInteger("0xff"), 255u);
  EXPECT_EQ(unsignedInteger("-1"), std::nullopt);
  EXPECT_EQ(signedInteger("10159970886766084423"), std::nullopt);
  EXPECT_EQ(signedInteger("75.0"), 75);
  EXPECT_EQ(signedInteger("-5"), -5);
  EXPECT_EQ(signedInteger("Spans"), std::nullopt);
}

TEST(Repair, textStaysReadableAndBecomesValid) {
  EXPECT_EQ(repairJson(R"({"name": "C:\Users\me\new"})").text, R"({"name": "C:\\Users\\me\new"})");
  EXPECT_EQ(repairJson("\"a\nb\tc\"").text, "\"a b c\"");
  EXPECT_EQ(repairJson("\"caf\xE9 \xC3\xA9\"").text, "\"caf\xEF\xBF\xBD \xC3\xA9\"");
  EXPECT_EQ(repairJson(R"("\ud800x \ud83d\ude00 \u12")").text,
            "\"\xEF\xBF\xBDx \\ud83d\\ude00 \\\\u12\"");
}

TEST(Repair, numbersThatJsonDoesNotHaveBecomeNull) {
  const RepairedJson repaired = repairJson(R"([NaN, -Infinity, inf, true, null, -1.5, "NaN"])");
  EXPECT_EQ(repaired.text, R"([null, null, null, true, null, -1.5, "NaN"])");
  EXPECT_TRUE(repaired.replacedNumbers);
  EXPECT_FALSE(repaired.repairedStrings);
}

TEST(Unescaped, resolvesEscapesAndPairs) {
  EXPECT_EQ(unescaped(R"("a\"b\\c\n\u00e9\ud83d\ude00")"), "a\"b\\c\n\xC3\xA9\xF0\x9F\x98\x80");
  EXPECT_EQ(unescaped("12"), "12");
}

TEST(Utf16, pairsAndCutUnitsAreKeptTogether) {
  const std::string bytes("\xFF\xFE{\0\x3D\xD8\x00\xDE", 8);  // mark, brace, U+1F600
  std::string rest;
  EXPECT_EQ(utf8OfUtf16(bytes, Encoding::kUtf16Little, rest), "{\xF0\x9F\x98\x80");
  EXPECT_EQ(rest, "");
  EXPECT_EQ(utf8OfUtf16(bytes.substr(0, 7), Encoding::kUtf16Little, rest), "{");
  EXPECT_EQ(rest.size(), 3u);
}

TEST(JsonText, valuesEndWhereTheyEnd) {
  const std::string text = R"({"a": [1, "]"]} , 12)";
  EXPECT_EQ(endOfValue(text, 0), 15u);
  EXPECT_EQ(endOfValue(text, 18), text.size());
  EXPECT_EQ(endOfValue(R"({"a": "b)", 0), std::nullopt);
  EXPECT_EQ(endOfString(R"("a\"b")", 0), 6u);
}

// The slow and obvious version: one byte after the other.
std::vector<std::string> elementsByBytes(const std::string& text) {
  std::vector<std::string> elements;
  size_t at = 0;
  while (at < text.size() && text[at] != ']') {
    if (text[at] == '{' || text[at] == '[') {
      const auto end = endOfValue(text, at);
      if (!end) break;
      elements.push_back(text.substr(at, *end - at));
      at = *end;
    } else {
      ++at;
    }
  }
  return elements;
}

std::string randomElement(std::mt19937_64& random) {
  static const char* kParts[] = {"\"a\"",      "\"}\"", "\"\\\"\"", "\"\\\\\"",     "[1,[2]]",
                                 "{\"x\":[]}", "12",    "\"[[\"",   "\"\\\\\\\"{\""};
  std::string text = "{";
  const size_t parts = random() % 12;
  for (size_t i = 0; i < parts; ++i) {
    text += (i > 0 ? "," : "") + std::string("\"k\":") + kParts[random() % std::size(kParts)];
    text.append(random() % 40, ' ');
  }
  return text + "}";
}

TEST(ElementScanner, findsTheEntriesThatAByteByByteReaderFindsForAnyCutOfTheText) {
  const uint64_t seed = 77;
  SCOPED_TRACE(seed);
  std::mt19937_64 random(seed);
  for (int round = 0; round < 300; ++round) {
    std::string text;
    const size_t count = random() % 20;
    for (size_t i = 0; i < count; ++i) text += (i > 0 ? " ,\n" : "") + randomElement(random);
    text += "] trailing {}";
    ElementScanner scanner;
    scanner.start(0);
    std::vector<std::string> found;
    size_t visible = 0;
    auto status = ElementScanner::Status::kNeedsMore;
    while (status != ElementScanner::Status::kArrayClosed && visible < text.size()) {
      visible = std::min(text.size(), visible + 1 + random() % 200);
      const auto input = visible == text.size() ? ElementScanner::Input::kLast
                                                : ElementScanner::Input::kMoreFollows;
      Slice slice;
      while ((status = scanner.next({text.data(), visible}, input, slice)) ==
             ElementScanner::Status::kElement) {
        found.push_back(text.substr(slice.begin, slice.end - slice.begin));
      }
    }
    EXPECT_EQ(status, ElementScanner::Status::kArrayClosed);
    EXPECT_EQ(found, elementsByBytes(text));
    EXPECT_EQ(text.substr(scanner.position(), 9), " trailing");
  }
}

TEST(ElementScanner, countsEntriesThatAreNoObjects) {
  ElementScanner scanner;
  scanner.start(0);
  const std::string text = R"({"a":1}, null, 12 , "x", [3], {"b":2},])";
  Slice slice;
  int elements = 0;
  auto status = ElementScanner::Status::kElement;
  while ((status = scanner.next(text, ElementScanner::Input::kLast, slice)) ==
         ElementScanner::Status::kElement) {
    ++elements;
  }
  EXPECT_EQ(status, ElementScanner::Status::kArrayClosed);
  EXPECT_EQ(elements, 3);
  EXPECT_EQ(scanner.scalars(), 3);
}

}  // namespace
}  // namespace caracal::import::chrome
