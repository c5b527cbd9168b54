#include "app/ui/panels/search_bar.h"

#include <QHBoxLayout>
#include <QKeyEvent>
#include <QLabel>
#include <QLineEdit>
#include <QToolButton>

#include "app/ui/timeline/timeline_controller.h"

namespace caracal::ui {

SearchBar::SearchBar(JobBoard& jobs, TimelineController& controller, QWidget* parent)
    : QWidget(parent),
      m_controller(controller),
      m_slot(jobs),
      m_input(new QLineEdit(this)),
      m_count(new QLabel(this)) {
  m_input->setPlaceholderText(tr("Find names by regular expression"));
  m_input->setClearButtonEnabled(true);
  m_input->setAccessibleName(tr("Find"));
  m_input->setMinimumWidth(260);
  m_input->setMaximumWidth(460);
  const auto button = [this](const QString& text, const QString& tip, Direction direction) {
    auto* b = new QToolButton(this);
    b->setText(text);
    b->setToolTip(tip);
    b->setAutoRaise(true);
    connect(b, &QToolButton::clicked, this, [this, direction] { m_controller.goToHit(direction); });
    return b;
  };
  auto* layout = new QHBoxLayout(this);
  layout->setContentsMargins(4, 2, 4, 2);
  layout->addWidget(m_input);
  layout->addWidget(button(QStringLiteral("\u2191"), tr("Previous hit"), Direction::kBackward));
  layout->addWidget(button(QStringLiteral("\u2193"), tr("Next hit"), Direction::kForward));
  layout->addWidget(m_count);
  layout->addStretch();
  connect(m_input, &QLineEdit::textChanged, this, &SearchBar::search);
  connect(m_input, &QLineEdit::returnPressed, this,
          [this] { m_controller.goToHit(Direction::kForward); });
  connect(&controller, &TimelineController::overlayChanged, this, &SearchBar::showCount);
  connect(&controller, &TimelineController::sceneChanged, this, &SearchBar::search);
}

void SearchBar::focusInput() {
  m_input->setFocus(Qt::ShortcutFocusReason);
  m_input->selectAll();
}

void SearchBar::keyPressEvent(QKeyEvent* event) {
  if (event->key() == Qt::Key_Escape) {
    m_input->clear();
    emit left();
    return;
  }
  QWidget::keyPressEvent(event);
}

void SearchBar::search() {
  const std::string pattern = m_input->text().toStdString();
  if (pattern.empty()) {
    m_slot.cancel();
    m_controller.setHits({});
    return showCount();
  }
  m_slot.start<SearchHits>(
      tr("Find %1").arg(m_input->text()),
      [scene = m_controller.sharedScene(), pattern](std::stop_token stop, const Progress&) {
        return searchBlocks(*scene, pattern, stop);
      },
      [this, scene = m_controller.sharedScene()](Result<SearchHits> hits) {
        // Hits are places in one scene; a newer one starts its own search.
        if (scene != m_controller.sharedScene()) return;
        if (hits) return m_controller.setHits(std::move(*hits));
        m_controller.setHits({});
        m_count->setText(QString::fromStdString(hits.error().message));
      });
}

void SearchBar::showCount() {
  const int count = static_cast<int>(m_controller.hits().total);
  if (m_input->text().isEmpty()) return m_count->clear();
  if (count == 0) return m_count->setText(tr("no hits"));
  const int current = m_controller.currentHit();
  QString words = current < 0 ? (count == 1 ? tr("1 hit") : tr("%L1 hits").arg(count))
                              : tr("%L1 of %L2").arg(current + 1).arg(count);
  if (count > static_cast<int>(kMostHits))
    words += tr(", the first %L1 kept").arg(static_cast<int>(kMostHits));
  m_count->setText(words);
}

}  // namespace caracal::ui
