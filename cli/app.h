// catena's command line: reads it, runs one verb, turns errors into a line on standard error and an exit
// code.
#pragma once

#include "cli/wrapping.h"

namespace catena::cli {

// All of main(). Gives the exit code; throws nothing.
int run_command_line(int argc, char** argv, Wrapping wrapping = {});

}  // namespace catena::cli
