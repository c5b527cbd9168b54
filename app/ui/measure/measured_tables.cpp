#include "app/ui/measure/measured_tables.h"

#include <QCoreApplication>
#include <cmath>

#include "app/ui/qt_text.h"
#include "app/ui/theme/tag_style.h"
#include "core/analysis/figure_pairs.h"
#include "core/base/format.h"

namespace caracal::ui {
namespace {

QString tr(const char* text) {
  return QCoreApplication::translate("MeasuredTables", text);
}
Cell figureCell(analysis::FigureUnit unit, int64_t value) {
  return unit == analysis::FigureUnit::kBytes ? bytes(value) : duration(value);
}

QString rateText(double perSecond, const char* unit) {
  return QStringLiteral("%1 %2").arg(perSecond / 1e9, 0, 'g', 3).arg(QLatin1String(unit));
}

QString linkWords(const profile::Link& link) {
  if (link.bytesPerSecond <= 0) return tr("not seen");
  return tr("%1 + bytes / %2")
      .arg(toQt(formatDuration(link.latencyNs)), rateText(link.bytesPerSecond, "GB/s"));
}

}  // namespace

QString errorText(int64_t predicted, int64_t measured) {
  if (measured == 0) return predicted == 0 ? QString() : QStringLiteral("\u2013");
  const double error = runs::errorPct(predicted, measured);
  return QStringLiteral("%1%2 %")
      .arg(error >= 0 ? QStringLiteral("+") : QStringLiteral("\u2212"))
      .arg(std::abs(error), 0, 'f', 1);
}

Cell errorCell(int64_t predicted, int64_t measured, const Theme& theme) {
  Cell cell = number(errorText(predicted, measured));
  if (measured != 0 && std::abs(runs::errorPct(predicted, measured)) > kNotableErrorPct)
    cell.colour = theme.warning;
  return cell;
}

FigureTable measuredTable(const runs::Measurement& measurement, const Theme& theme) {
  const analysis::RunSummary& predicted = measurement.predicted;
  const analysis::RunSummary& measured = measurement.measured;
  FigureTable table;
  table.header = {tr("Of"), tr("Figure"), tr("Predicted, %1").arg(tagText(predicted.tag)),
                  tr("Measured, %1").arg(tagText(measured.tag)), tr("Error of the prediction")};
  if (measured.tag != trace::Tag::kMeasured) table.header[3] = tagText(measured.tag).trimmed();
  for (const analysis::FigurePair& pair : analysis::figurePairs(predicted, measured)) {
    const bool whole = pair.stage < 0;
    Cell of = word(whole ? tr("whole step") : tr("stage %1").arg(pair.stage));
    Cell error = errorCell(pair.first, pair.second, theme);
    of.strong = error.strong = whole;
    table.rows.push_back({of, word(toQt(pair.label)), figureCell(pair.unit, pair.first),
                          figureCell(pair.unit, pair.second), error});
  }
  Cell points =
      number(QStringLiteral("%1%2 %3")
                 .arg(predicted.bubblePct >= measured.bubblePct ? QStringLiteral("+")
                                                                : QStringLiteral("\u2212"))
                 .arg(std::abs(predicted.bubblePct - measured.bubblePct), 0, 'f', 2)
                 .arg(tr("points")));
  table.rows.push_back({word(tr("whole step")), word(tr("bubbles")), percent(predicted.bubblePct),
                        percent(measured.bubblePct), points});
  return table;
}

QStringList measuredCautions(const runs::Measurement& measurement) {
  QStringList words;
  if (!measurement.note.empty()) words << toQt(measurement.note);
  for (const std::string& caution :
       analysis::cautions(measurement.predicted, measurement.measured)) {
    words << toQt(caution);
  }
  return words;
}

FigureTable calibrationTable(const profile::Calibration& calibration, const Theme& theme) {
  const profile::Hardware& hardware = calibration.hardware;
  FigureTable table;
  table.header = {tr("Constant or operator"), tr("Value, measured"), tr("From the constants"),
                  tr("Error")};
  const auto constant = [&](const QString& what, const QString& value, const QString& toolTip) {
    table.rows.push_back({word(what), number(value, toolTip), number({}), number({})});
  };
  constant(tr("matrix products"), rateText(hardware.matrixFlops, "GFLOP/s"),
           tr("%1 of it are reached together")
               .arg(toQt(formatPercent(100 * hardware.matrixEfficiency))));
  constant(tr("memory"), rateText(hardware.memoryBytesPerSecond, "GB/s"),
           tr("%1 of it are reached together")
               .arg(toQt(formatPercent(100 * hardware.memoryEfficiency))));
  constant(tr("floor of any operator"), toQt(formatDuration(hardware.launchNs)), {});
  constant(tr("tensor-parallel link"), linkWords(hardware.tensorLink), {});
  constant(tr("link between stages"), linkWords(hardware.pipelineLink), {});
  constant(tr("kappa"), QString::number(hardware.kappa, 'f', 3),
           tr("An operator beside a collective takes kappa times as long."));
  constant(tr("rho"), QString::number(hardware.rho, 'f', 3),
           tr("A collective beside an operator takes rho times as long."));
  for (const profile::FittedOperator& op : calibration.operators) {
    table.rows.push_back({word(toQt(op.id)), duration(op.measuredNs), duration(op.fittedNs),
                          errorCell(op.fittedNs, op.measuredNs, theme)});
  }
  return table;
}

}  // namespace caracal::ui
