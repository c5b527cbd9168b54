// Room beside the words of a table's cells and headings, so that a number does not touch the column
// behind it.
#pragma once

#include <QHeaderView>
#include <QStyleOptionHeader>
#include <QStyledItemDelegate>

namespace caracal::ui {

inline constexpr QChar kCellRoom(0x2002);  // half as wide as the letters are high

class PaddedCells : public QStyledItemDelegate {
 public:
  using QStyledItemDelegate::QStyledItemDelegate;
  // Only what is shown: what is copied or read aloud stays as it is.
  QString displayText(const QVariant& value, const QLocale& locale) const override {
    return kCellRoom + QStyledItemDelegate::displayText(value, locale) + kCellRoom;
  }
};

class PaddedHeader : public QHeaderView {
 public:
  explicit PaddedHeader(QWidget* parent) : QHeaderView(Qt::Horizontal, parent) {
    setSectionsClickable(true);
    setHighlightSections(false);
  }

 protected:
  void initStyleOptionForIndex(QStyleOptionHeader* option, int section) const override {
    QHeaderView::initStyleOptionForIndex(option, section);
    QStringList lines = option->text.split(QLatin1Char('\n'));
    for (QString& line : lines) line = kCellRoom + line + kCellRoom;
    option->text = lines.join(QLatin1Char('\n'));
  }
  QSize sectionSizeFromContents(int section) const override {
    const int room = 2 * fontMetrics().horizontalAdvance(kCellRoom);
    return QHeaderView::sectionSizeFromContents(section) + QSize(room, 0);
  }
};

}  // namespace caracal::ui
