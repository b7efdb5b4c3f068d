#include "cli/app.h"

int main(int argc, char** argv) {
  return catena::cli::run_command_line(argc, argv);
}
