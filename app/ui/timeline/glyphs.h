// Glyphs: text straight into an image. A timeline frame can hold thousands of short labels; drawing
// each through QPainter costs microseconds of shaping, blending cached glyph masks a tenth of that.
// Left-to-right text without ligatures, which is what names of kernels are. GUI thread only.
#pragma once

#include <QFont>
#include <QImage>
#include <array>
#include <string_view>
#include <unordered_map>

namespace caracal::ui {

class Glyphs {
 public:
  // `font` in device pixels: the caller has applied the scale.
  explicit Glyphs(const QFont& font);

  int height() const { return m_height; }
  int width(std::string_view utf8);
  // Draws with the top left corner at (x, y), cut with an ellipsis at `maxWidth`; nothing when
  // no more than a few glyphs would be left. Clipped to the image. REQUIRES a 32 bit image. Returns
  // the width used.
  int draw(QImage& image, int x, int y, std::string_view utf8, int maxWidth, QRgb colour);

 private:
  struct Glyph {
    QImage mask;  // Format_Alpha8 values in Format_Grayscale8
    int advance = 0;
    int left = 0;
  };
  const Glyph& glyph(char32_t c);
  const Glyph& stored(char32_t c);
  // How many leading glyphs take no more than `room`; INT_MAX when all of them do.
  int fitting(std::string_view utf8, int room);
  void blend(QImage& image, int x, int y, const Glyph& glyph, QRgb colour) const;

  QFont m_font;
  int m_height = 0;
  int m_ascent = 0;
  std::unordered_map<char32_t, Glyph> m_glyphs;  // nodes do not move
  std::array<const Glyph*, 128> m_ascii{};       // into m_glyphs: most text needs no hashing
};

}  // namespace caracal::ui
