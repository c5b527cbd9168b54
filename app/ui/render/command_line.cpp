#include "app/ui/render/command_line.h"

#include <QCommandLineParser>
#include <QCoreApplication>
#include <QRegularExpression>
#include <cmath>

namespace caracal::ui {
namespace {

QString tr(const char* text) {
  return QCoreApplication::translate("CommandLine", text);
}

struct Options {
  QCommandLineOption render{QStringLiteral("render"),
                            tr("Write a picture instead of opening a window."),
                            tr("out.png|out.svg")};
  QCommandLineOption size{QStringLiteral("size"),
                          tr("Width and height of the picture, as 1920x1080."), tr("WxH")};
  QCommandLineOption width{QStringLiteral("width"), tr("Width of the picture."), tr("pixels")};
  QCommandLineOption height{QStringLiteral("height"),
                            tr("Height of the picture; as high as the rows need when left out."),
                            tr("pixels")};
  QCommandLineOption from{QStringLiteral("from"),
                          tr("First time shown, from the start of the run: 12ms, 3.5s."),
                          tr("time")};
  QCommandLineOption to{QStringLiteral("to"), tr("Last time shown."), tr("time")};
  QCommandLineOption view{QStringLiteral("view"), tr("timeline, folded, window, plan or compare."),
                          tr("view"), QStringLiteral("timeline")};
  QCommandLineOption panel{
      QStringLiteral("panel"),
      tr("The panel in front of the window, which is then the view: collectives, "
         "clocks, measure, ...; record: that dialog"),
      tr("name")};
  QCommandLineOption theme{QStringLiteral("theme"), tr("light or dark."), tr("theme")};

  void addTo(QCommandLineParser& parser) const {
    parser.addOptions({render, size, width, height, from, to, view, panel, theme});
  }
};

Result<int> readPixels(const QString& text) {
  bool ok = false;
  const int pixels = text.toInt(&ok);
  if (!ok || pixels < 100 || pixels > 20000) {
    return fail(ErrorCode::kInvalidInput, "'{}' is no picture size; write pixels from 100 to 20000",
                text.toStdString());
  }
  return pixels;
}

Result<int64_t> readTime(const QString& text) {
  const std::optional<int64_t> time = parseTime(text);
  if (!time)
    return fail(ErrorCode::kInvalidInput, "'{}' is no time; write 12ms, 3.5s, 250us or nanoseconds",
                text.toStdString());
  return *time;
}

Result<ThemeKind> readTheme(const QString& text) {
  if (text == QLatin1String("dark")) return ThemeKind::kDark;
  if (text == QLatin1String("light")) return ThemeKind::kLight;
  return fail(ErrorCode::kInvalidInput, "'{}' is no theme; there are light and dark",
              text.toStdString());
}

Result<RenderView> readView(const QString& text) {
  if (text == QLatin1String("timeline")) return RenderView::kTimeline;
  if (text == QLatin1String("folded")) return RenderView::kFolded;
  if (text == QLatin1String("window")) return RenderView::kWindow;
  if (text == QLatin1String("plan")) return RenderView::kPlan;
  if (text == QLatin1String("compare")) return RenderView::kCompare;
  return fail(ErrorCode::kInvalidInput,
              "'{}' is no view; there are timeline, folded, window, plan and compare",
              text.toStdString());
}

Result<RenderCommand> readRender(const QCommandLineParser& parser, const Options& options,
                                 std::optional<ThemeKind> theme) {
  RenderCommand command;
  command.output = parser.value(options.render);
  command.paths = parser.positionalArguments();
  if (command.paths.isEmpty())
    return fail(ErrorCode::kInvalidInput, "--render needs a trace, document or project to draw");
  QString width = parser.value(options.width);
  QString height = parser.value(options.height);
  if (parser.isSet(options.size)) {
    const QStringList parts = parser.value(options.size).split(QLatin1Char('x'));
    if (parts.size() != 2)
      return fail(ErrorCode::kInvalidInput, "--size is width x height, as 1920x1080");
    width = parts[0];
    height = parts[1];
  }
  if (!width.isEmpty()) {
    CARACAL_TRY(pixels, readPixels(width));
    command.options.width = pixels;
  }
  if (!height.isEmpty()) {
    CARACAL_TRY(pixels, readPixels(height));
    command.options.height = pixels;
  }
  if (parser.isSet(options.from)) {
    CARACAL_TRY(time, readTime(parser.value(options.from)));
    command.options.fromNs = time;
  }
  if (parser.isSet(options.to)) {
    CARACAL_TRY(time, readTime(parser.value(options.to)));
    command.options.toNs = time;
  }
  const bool panelAlone = parser.isSet(options.panel) && !parser.isSet(options.view);
  CARACAL_TRY(view, readView(panelAlone ? QStringLiteral("window") : parser.value(options.view)));
  command.view = view;
  command.panel = parser.value(options.panel);
  command.options.theme = theme.value_or(ThemeKind::kLight);
  return command;
}

}  // namespace

std::optional<int64_t> parseTime(const QString& text) {
  static const QRegularExpression kTime(
      QStringLiteral("^\\s*(-?[0-9]+(?:\\.[0-9]+)?)\\s*(ns|us|ms|s)?\\s*$"));
  const QRegularExpressionMatch match = kTime.match(text);
  if (!match.hasMatch()) return std::nullopt;
  const QString unit = match.captured(2);
  const double factor = unit == QLatin1String("s")    ? 1e9
                        : unit == QLatin1String("ms") ? 1e6
                        : unit == QLatin1String("us") ? 1e3
                                                      : 1;
  const double value = match.captured(1).toDouble() * factor;
  if (std::abs(value) > 9e18) return std::nullopt;
  return std::llround(value);
}

Result<CommandLine> parseCommandLine(const QStringList& arguments) {
  QCommandLineParser parser;
  parser.setApplicationDescription(
      tr("Caracal: see where the time of large-model training goes, plan recomputation, predict "
         "and measure.\n"
         "Several traces named together are the ranks of one run."));
  parser.addHelpOption();
  parser.addVersionOption();
  parser.addPositionalArgument(
      QStringLiteral("file"),
      tr("Traces, folders of traces, recordings, profiles, plans or a .caracal project."),
      QStringLiteral("[file...]"));
  const Options options;
  options.addTo(parser);
  if (!parser.parse(arguments))
    return fail(ErrorCode::kInvalidInput, "{}", parser.errorText().toStdString());
  if (parser.isSet(QStringLiteral("help"))) parser.showHelp(0);
  if (parser.isSet(QStringLiteral("version"))) parser.showVersion();
  CommandLine line;
  line.paths = parser.positionalArguments();
  if (parser.isSet(options.theme)) {
    CARACAL_TRY(theme, readTheme(parser.value(options.theme)));
    line.theme = theme;
  }
  if (parser.isSet(options.render)) {
    CARACAL_TRY(render, readRender(parser, options, line.theme));
    line.render = std::move(render);
  }
  return line;
}

}  // namespace caracal::ui
