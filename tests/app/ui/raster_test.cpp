#include "app/ui/timeline/raster.h"

#include <gtest/gtest.h>

#include <QFont>
#include <set>

#include "tests/app/ui/drawn_trace.h"

namespace caracal::ui {
namespace {

using trace::EventKind;
using trace::TrackKind;

QImage render(const Scene& scene, const TimeView& view, ThemeKind kind, double scale = 1.0) {
  const RowLayout layout = layoutRows(scene, initialFolds(scene));
  QImage image(static_cast<int>(view.width * scale), static_cast<int>(layout.height * scale),
               QImage::Format_RGB32);
  TimelineRaster raster(theme(kind), QFont(), scale);
  raster.draw({scene, layout, view, 0, scale}, image);
  return image;
}

int laneMiddle(const Scene& scene, size_t row) {
  const RowLayout layout = layoutRows(scene, initialFolds(scene));
  const PlacedLane& lane = layout.rows[row].lanes[0];
  return lane.top + lane.height / 2;
}

TEST(Raster, aSingleShortEventIsVisibleAtEveryZoom) {
  trace::TraceBuilder builder;
  builder.addRank({});
  trace::Track track;
  track.kind = TrackKind::kGpuStream;
  builder.addTrack(track);
  builder.add({0, EventKind::kKernel, builder.intern("first"), 0, 10, 0});
  builder.add({0, EventKind::kKernel, builder.intern("lonely"), 500'000'000, 1, 0});
  builder.add({0, EventKind::kKernel, builder.intern("last"), 1'000'000'000, 10, 0});
  const auto scene = test::sceneOf(std::move(builder).finish());
  for (const int width : {100, 801, 1920}) {
    const TimeView view = show(scene->range, width);
    const QImage image = render(*scene, view, ThemeKind::kLight);
    const int x = static_cast<int>(view.pixelOf(500'000'000));
    const QColor drawn(image.pixel(x, laneMiddle(*scene, 2)));
    const QColor beside(image.pixel(x + 3, laneMiddle(*scene, 2)));
    EXPECT_NE(drawn, beside) << width;
    EXPECT_GE(contrast(drawn, beside), 1.5) << width;
  }
}

TEST(Raster, severalPaintersDrawWhatOneDraws) {
  const auto scene = test::sceneOf(test::drawPipeline(6, 12, 40));
  const RowLayout layout = layoutRows(*scene, initialFolds(*scene));
  const auto drawn = [&](int64_t worthAPainterNs) {
    TimelineRaster raster(theme(ThemeKind::kDark), QFont(), 1.0, worthAPainterNs);
    std::vector<QImage> images;
    for (const double zoom : {1.0, 0.5, 0.1}) {
      TimeView view = show(scene->range, 900);
      view.nsPerPixel *= zoom;
      images.emplace_back(900, layout.height, QImage::Format_RGB32);
      raster.draw({*scene, layout, view, 0, 1.0}, images.back());
    }
    return images;
  };
  EXPECT_EQ(drawn(0), drawn(TimelineRaster::kWorthAPainterNs));
}

TEST(Raster, bubblesStayVisibleInsideColumnsFullOfWork) {
  const auto scene = test::sceneOf(test::drawPipeline(4, 8, 40));
  const TimeView view = show(scene->range, 60);  // every column holds work and bubbles
  const QImage image = render(*scene, view, ThemeKind::kDark);
  const RowLayout layout = layoutRows(*scene, initialFolds(*scene));
  const PlacedLane& lane = layout.rows[2].lanes[0];
  std::set<QRgb> bottom;
  for (int x = 0; x < image.width(); ++x) bottom.insert(image.pixel(x, lane.top + lane.height - 3));
  std::set<QRgb> top;
  for (int x = 0; x < image.width(); ++x) top.insert(image.pixel(x, lane.top + 1));
  EXPECT_NE(bottom, top) << "the lower part of shared columns shows the bubbles";
}

// Every bubble changes pixels of every column that it touches, however far out, at any scroll.
TEST(Raster, noBubbleVanishesAtAnyZoom) {
  const auto scene = test::sceneOf(test::drawPipeline(4, 8, 60));
  Scene without = *scene;
  for (Row& row : without.rows) row.bubbles = Lane();
  const RowLayout layout = layoutRows(*scene, initialFolds(*scene));
  for (const int width : {3, 40, 311, 1920}) {
    for (const int part : {1, 7, 50}) {
      const Span range{0, scene->range.lengthNs() / part};
      const TimeView view = show(range, width);
      const QImage with = render(*scene, view, ThemeKind::kLight);
      const QImage bare = render(without, view, ThemeKind::kLight);
      for (uint32_t r = 0; r < scene->rows.size(); ++r) {
        const Lane& bubbles = scene->rows[r].bubbles;
        if (bubbles.empty()) continue;
        const PlacedLane& lane = layout.rows[layout.placeOf(r)].lanes[0];
        for (size_t b = 0; b < bubbles.size(); ++b) {
          if (bubbles.span(b).beginNs >= range.endNs) break;
          const int x = static_cast<int>(view.pixelOf(bubbles.span(b).beginNs));
          int changed = 0;
          for (int y = lane.top; y < lane.top + lane.height; ++y)
            changed += with.pixel(x, y) != bare.pixel(x, y) ? 1 : 0;
          ASSERT_GE(changed, 2) << "row " << r << ", bubble " << b << ", " << width << " pixels";
        }
      }
    }
  }
}

TEST(Raster, pixelsOutsideBlocksAreBackgroundOrGrid) {
  const auto scene = test::sceneOf(
      test::drawTrace({{"s", TrackKind::kGpuStream, EventKind::kKernel, 0, "A........B"}}));
  const QImage image = render(*scene, show(scene->range, 1000), ThemeKind::kLight);
  const Theme& t = theme(ThemeKind::kLight);
  for (int x = 150; x < 850; ++x) {
    const QRgb pixel = image.pixel(x, laneMiddle(*scene, 2));
    EXPECT_TRUE(pixel == t.background.rgb() || pixel == t.grid.rgb() ||
                pixel == t.rowAlternate.rgb())
        << x;
  }
}

TEST(Raster, labelsAppearWhereTheyFitOnly) {
  const auto scene = test::sceneOf(test::drawTrace(
      {{"s", TrackKind::kGpuStream, EventKind::kKernel, 0, "AAAAAAAAAABBBBBBBBBB"}}));
  const auto colours = [&](int width) {
    const QImage image = render(*scene, show(scene->range, width), ThemeKind::kLight);
    std::set<QRgb> seen;
    for (int x = 2; x < image.width() / 2 - 1; ++x)
      seen.insert(image.pixel(x, laneMiddle(*scene, 2)));
    return seen.size();
  };
  EXPECT_EQ(colours(20), 1U) << "10 pixels hold no text";
  EXPECT_GT(colours(400), 1U) << "the letter is drawn";
}

TEST(Raster, aFoldedRankShowsTheUnionOfItsGpuWork) {
  const auto scene = test::sceneOf(
      test::drawTrace({{"s0", TrackKind::kGpuStream, EventKind::kKernel, 0, "AA......"},
                       {"s1", TrackKind::kGpuStream, EventKind::kKernel, 0, "......BB"}}));
  FoldState folded = initialFolds(*scene);
  folded[1] = true;
  const RowLayout layout = layoutRows(*scene, folded);
  ASSERT_EQ(layout.rows.size(), 2U);
  const TimeView view = show(scene->range, 800);
  QImage image(800, layout.height, QImage::Format_RGB32);
  TimelineRaster(theme(ThemeKind::kDark), QFont(), 1.0).draw({*scene, layout, view, 0, 1.0}, image);
  const int y = layout.rows[1].top + layout.rows[1].height / 2 - 2;
  const QRgb band = theme(ThemeKind::kDark).groupBand.rgb();
  EXPECT_NE(image.pixel(50, y), band);
  EXPECT_EQ(image.pixel(390, y), band);
  EXPECT_NE(image.pixel(700, y), band);
}

TEST(Raster, scalesWithTheDisplay) {
  const auto scene = test::sceneOf(test::drawPipeline(2, 3, 1));
  const TimeView view = show(scene->range, 400);
  const QImage normal = render(*scene, view, ThemeKind::kLight, 1.0);
  const QImage sharp = render(*scene, view, ThemeKind::kLight, 2.0);
  EXPECT_EQ(sharp.size(), normal.size() * 2);
  const int y = laneMiddle(*scene, 1);
  EXPECT_EQ(QColor(sharp.pixel(2 * 30, 2 * y - 12)), QColor(normal.pixel(30, y - 6)));
}

TEST(Glyphs, longTextEndsInAnEllipsisWithinItsRoom) {
  QImage image(200, 30, QImage::Format_RGB32);
  image.fill(Qt::white);
  Glyphs glyphs((QFont()));
  const std::string name = "vectorized_elementwise_kernel";
  const int whole = glyphs.width(name);
  EXPECT_EQ(glyphs.draw(image, 0, 0, name, whole, qRgb(0, 0, 0)), whole);
  EXPECT_LE(glyphs.draw(image, 0, 0, name, whole / 2, qRgb(0, 0, 0)), whole / 2);
  EXPECT_EQ(glyphs.draw(image, 0, 0, name, 2, qRgb(0, 0, 0)), 0);
}

TEST(Glyphs, brokenUtf8AndTextOverTheBorderAreDrawnSafely) {
  QImage image(20, 8, QImage::Format_RGB32);
  image.fill(Qt::white);
  Glyphs glyphs((QFont()));
  glyphs.draw(image, -10, -5, "\xff\xc3 \xe2\x82 \xf0\x9f\x98", 500, qRgb(0, 0, 0));
  glyphs.draw(image, 15, 4, "überläuft", 500, qRgb(0, 0, 0));
  EXPECT_EQ(image.size(), QSize(20, 8));
}

}  // namespace
}  // namespace caracal::ui
