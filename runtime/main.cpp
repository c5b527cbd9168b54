#include "runtime/command/command.h"

int main(int argc, char** argv) {
  return caracal::command::caracalRun(argc, argv);
}
