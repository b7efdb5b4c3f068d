// Asks the user on the terminal, also where standard input and output are something else.
#pragma once

#include "adapters/ssh/ssh_options.h"

namespace catena::cli {

// The questions of an SSH server; empty where there is no terminal.
SshPrompt terminal_prompt();

}  // namespace catena::cli
