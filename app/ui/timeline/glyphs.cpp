#include "app/ui/timeline/glyphs.h"

#include <QFontMetrics>
#include <QPainter>
#include <algorithm>
#include <climits>

namespace caracal::ui {
namespace {

constexpr char32_t kEllipsis = U'\u2026';
// Cut shorter than this a name says nothing: "B...".
constexpr int kFewestBeforeEllipsis = 3;
constexpr int kEverything = INT_MAX;

// The next code point of `text`, taken off its front; broken bytes come out as a replacement mark.
char32_t takeCodePoint(std::string_view& text) {
  const auto lead = static_cast<unsigned char>(text.front());
  const size_t length = lead < 0x80    ? 1
                        : lead >= 0xf0 ? 4
                        : lead >= 0xe0 ? 3
                        : lead >= 0xc0 ? 2
                                       : 1;
  if (lead < 0x80) {
    text.remove_prefix(1);
    return lead;
  }
  if (length == 1 || text.size() < length) {
    text.remove_prefix(1);
    return U'\ufffd';
  }
  char32_t c = lead & (0xffU >> (length + 1));
  for (size_t i = 1; i < length; ++i) c = (c << 6) | (static_cast<unsigned char>(text[i]) & 0x3fU);
  text.remove_prefix(length);
  return c;
}

int mix(int below, int above, int alpha) {
  return below + (above - below) * alpha / 255;
}

}  // namespace

Glyphs::Glyphs(const QFont& font) : m_font(font) {
  const QFontMetrics metrics(font);
  m_height = metrics.height();
  m_ascent = metrics.ascent();
}

const Glyphs::Glyph& Glyphs::glyph(char32_t c) {
  if (c >= m_ascii.size()) return stored(c);
  if (m_ascii[c] == nullptr) m_ascii[c] = &stored(c);
  return *m_ascii[c];
}

const Glyphs::Glyph& Glyphs::stored(char32_t c) {
  const auto found = m_glyphs.find(c);
  if (found != m_glyphs.end()) return found->second;
  const QString text = QString::fromUcs4(&c, 1);
  const QFontMetrics metrics(m_font);
  Glyph glyph;
  glyph.advance = metrics.horizontalAdvance(text);
  glyph.left = std::min(0, metrics.boundingRect(text).left());
  const int width =
      std::max(glyph.advance, metrics.boundingRect(text).right() + 1) - glyph.left + 1;
  glyph.mask = QImage(std::max(1, width), std::max(1, m_height), QImage::Format_Grayscale8);
  glyph.mask.fill(Qt::black);
  QPainter painter(&glyph.mask);
  painter.setFont(m_font);
  painter.setPen(Qt::white);
  painter.drawText(-glyph.left, m_ascent, text);
  painter.end();
  return m_glyphs.emplace(c, std::move(glyph)).first->second;
}

int Glyphs::width(std::string_view utf8) {
  int width = 0;
  while (!utf8.empty()) width += glyph(takeCodePoint(utf8)).advance;
  return width;
}

int Glyphs::fitting(std::string_view utf8, int room) {
  int count = 0;
  while (!utf8.empty()) {
    room -= glyph(takeCodePoint(utf8)).advance;
    if (room < 0) return count;
    ++count;
  }
  return kEverything;
}

int Glyphs::draw(QImage& image, int x, int y, std::string_view utf8, int maxWidth, QRgb colour) {
  int count = fitting(utf8, maxWidth);
  const bool cut = count != kEverything;
  if (cut) {
    count = fitting(utf8, maxWidth - glyph(kEllipsis).advance);
    if (count < kFewestBeforeEllipsis) return 0;
  }
  int used = 0;
  for (; count > 0 && !utf8.empty(); --count) {
    const Glyph& next = glyph(takeCodePoint(utf8));
    blend(image, x + used, y, next, colour);
    used += next.advance;
  }
  if (!cut) return used;
  blend(image, x + used, y, glyph(kEllipsis), colour);
  return used + glyph(kEllipsis).advance;
}

void Glyphs::blend(QImage& image, int x, int y, const Glyph& glyph, QRgb colour) const {
  const int left = x + glyph.left;
  const int firstColumn = std::max(0, -left);
  const int lastColumn = std::min(glyph.mask.width(), image.width() - left);
  const int firstLine = std::max(0, -y);
  const int lastLine = std::min(glyph.mask.height(), image.height() - y);
  for (int line = firstLine; line < lastLine; ++line) {
    const uchar* mask = glyph.mask.constScanLine(line);
    auto* pixels = reinterpret_cast<QRgb*>(image.scanLine(y + line)) + left;
    for (int column = firstColumn; column < lastColumn; ++column) {
      const int alpha = mask[column];
      if (alpha == 0) continue;
      const QRgb below = pixels[column];
      pixels[column] =
          qRgb(mix(qRed(below), qRed(colour), alpha), mix(qGreen(below), qGreen(colour), alpha),
               mix(qBlue(below), qBlue(colour), alpha));
    }
  }
}

}  // namespace caracal::ui
