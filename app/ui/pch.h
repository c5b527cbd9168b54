// Precompiled header of the ui library: what nearly every file there includes. No file may rely on
// it.
#pragma once

#include <QAbstractTableModel>
#include <QPainter>
#include <QWidget>
#include <memory>
#include <optional>
#include <string>
#include <vector>
