// Connects the timeline's actions (action_table.h) to its controller.
#pragma once

namespace caracal::ui {

class ActionBook;
class TimelineController;
class TimelineWidget;

// All three must live as long as the connections, which end with the book.
void connectTimelineActions(ActionBook& actions, TimelineController& controller,
                            TimelineWidget& widget);

}  // namespace caracal::ui
