#include "tests/app/ui/bench/pan_zoom_bench.h"

#include <sys/resource.h>
#include <time.h>

#include <QImage>
#include <QPainter>
#include <QScrollBar>
#include <algorithm>
#include <chrono>
#include <functional>

#include "app/ui/timeline/timeline_controller.h"
#include "app/ui/timeline/timeline_widget.h"

namespace caracal::bench {
namespace {

using Clock = std::chrono::steady_clock;
using Frame = std::function<void(ui::TimelineController&)>;

constexpr QSize kSize(1920, 1080);
constexpr double kNotch = 0.8;  // of the wheel
constexpr double kPan = 40;     // pixels a frame, a quick drag

// From the whole run down to single events and back, at three places, dragging at every depth.
std::vector<Frame> script() {
  std::vector<Frame> frames;
  const auto zoom = [&](double factor, double anchor) {
    frames.push_back([=](ui::TimelineController& c) { c.zoomAt(factor, anchor); });
  };
  const auto pan = [&](double pixels) {
    frames.push_back([=](ui::TimelineController& c) { c.panBy(pixels); });
  };
  for (const double anchor : {300.0, 960.0, 1500.0}) {
    frames.push_back([](ui::TimelineController& c) { c.fitAll(); });
    for (int notch = 0; notch < 70; ++notch) {
      zoom(kNotch, anchor);
      if (notch % 2 == 0) pan(kPan);
      if (notch % 10 == 9) {
        for (int i = 0; i < 8; ++i) pan(i % 2 == 0 ? kPan : -kPan / 2);
      }
    }
    for (int notch = 0; notch < 70; ++notch) zoom(1 / kNotch, anchor);
  }
  return frames;
}

double threadMilliseconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e3 + static_cast<double>(now.tv_nsec) * 1e-6;
}

double percentile(const std::vector<double>& sorted, double share) {
  return sorted[static_cast<size_t>(share * static_cast<double>(sorted.size() - 1))];
}

}  // namespace

void panAndZoom(benchmark::State& state, std::shared_ptr<const ui::Scene> scene, Folds folds) {
  ui::TimelineController controller;
  ui::TimelineWidget widget(controller);
  widget.resize(kSize);
  controller.setScene(std::move(scene));
  if (folds == Folds::kAllOpen) controller.foldAll(false);
  QImage image(kSize, QImage::Format_RGB32);
  const auto paint = [&] {
    QPainter painter(&image);
    widget.viewport()->render(&painter);  // what zooming and dragging repaint: no scroll bar
  };
  paint();  // fonts and geometry
  widget.verticalScrollBar()->setValue(widget.verticalScrollBar()->maximum() / 3);
  std::vector<double> milliseconds, processor;
  for (auto _ : state) {
    for (const Frame& frame : script()) {
      const auto begin = Clock::now();
      const double cpuBegin = threadMilliseconds();
      frame(controller);
      paint();
      milliseconds.push_back(
          std::chrono::duration<double, std::milli>(Clock::now() - begin).count());
      processor.push_back(threadMilliseconds() - cpuBegin);
    }
  }
  std::sort(milliseconds.begin(), milliseconds.end());
  std::sort(processor.begin(), processor.end());
  const size_t blocks = controller.scene().blockCount();
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  state.counters["frames"] = static_cast<double>(milliseconds.size());
  state.counters["p50ms"] = percentile(milliseconds, 0.5);
  state.counters["p99ms"] = percentile(milliseconds, 0.99);
  state.counters["cpu99ms"] = percentile(processor, 0.99);
  state.counters["maxMs"] = milliseconds.back();
  state.counters["blocks"] = static_cast<double>(blocks);
  state.counters["sceneBytesPerBlock"] = static_cast<double>(controller.scene().memoryBytes()) /
                                         static_cast<double>(std::max<size_t>(blocks, 1));
  state.counters["peakRssMiB"] = static_cast<double>(usage.ru_maxrss) / 1024;
}

}  // namespace caracal::bench
