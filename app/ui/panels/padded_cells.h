// Room beside the words of a table's cells, so that a number does not touch the column behind it.
#pragma once

#include <QStyledItemDelegate>

namespace caracal::ui {

class PaddedCells : public QStyledItemDelegate {
 public:
  using QStyledItemDelegate::QStyledItemDelegate;
  // Only what is shown: what is copied or read aloud stays as it is.
  QString displayText(const QVariant& value, const QLocale& locale) const override {
    constexpr QChar kRoom(0x2002);  // half as wide as the letters are high
    return kRoom + QStyledItemDelegate::displayText(value, locale) + kRoom;
  }
};

}  // namespace caracal::ui
