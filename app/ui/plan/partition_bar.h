// The partition as a bar: one part a stage, as wide as its layers, boundaries that can be dragged
// or moved with the arrow keys (Tab or click chooses the boundary).
#pragma once

#include <QWidget>
#include <vector>

#include "app/ui/theme/palette.h"

namespace caracal::ui {

class PartitionBar : public QWidget {
  Q_OBJECT
 public:
  explicit PartitionBar(QWidget* parent = nullptr);

  // `words`: what is written in each part beside the layers, e.g. the stage's time; may be empty.
  void set(std::vector<int32_t> layers, QStringList words);
  // What a part is called: a stage, or a chunk where stages hold several parts.
  void setChunks(bool chunks) { m_chunks = chunks; }
  const std::vector<int32_t>& layers() const { return m_layers; }
  void setTheme(ThemeKind kind);

  QSize sizeHint() const override { return {300, 46}; }
  QSize minimumSizeHint() const override { return {160, 46}; }

 signals:
  // Once, when the drag ends or a key was pressed.
  void partitionEdited(const std::vector<int32_t>& layers);

 protected:
  void paintEvent(QPaintEvent* event) override;
  void mousePressEvent(QMouseEvent* event) override;
  void mouseMoveEvent(QMouseEvent* event) override;
  void mouseReleaseEvent(QMouseEvent* event) override;
  void keyPressEvent(QKeyEvent* event) override;

 private:
  int32_t total() const;
  int boundaryX(const std::vector<int32_t>& layers, size_t boundary) const;
  int boundaryAt(int x) const;  // -1: none near
  QString layersText(size_t stage, const QFontMetrics& metrics, int width) const;
  void paintStage(QPainter& painter, size_t stage, int left, int right) const;

  std::vector<int32_t> m_layers;
  std::vector<int32_t> m_dragged;  // what the drag would make it; equal to m_layers otherwise
  QStringList m_words;
  bool m_chunks = false;
  int m_boundary = -1;  // chosen one
  bool m_dragging = false;
  ThemeKind m_theme = ThemeKind::kLight;
};

}  // namespace caracal::ui
