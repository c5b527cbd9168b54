// Core's UTF-8 text as Qt's.
#pragma once

#include <QString>
#include <string_view>

namespace caracal::ui {

inline QString toQt(std::string_view text) {
  return QString::fromUtf8(text.data(), static_cast<qsizetype>(text.size()));
}

}  // namespace caracal::ui
