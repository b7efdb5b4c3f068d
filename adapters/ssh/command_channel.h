// One command on an SSH session: bytes both ways until the server has closed its channel.
#pragma once

#include "adapters/ssh/session.h"
#include "core/transport.h"

namespace catena::ssh {

// What is kept of a command's output; standard error beyond it is dropped, and said.
inline constexpr std::size_t output_cap = std::size_t{256} << 20;
inline constexpr std::size_t error_cap = std::size_t{1} << 20;

// Ends a process group on the host, by kill_line() over whatever connection there is. May throw.
using Killer = std::function<void(long pid)>;

// As Transport::stream(), and puts the output into the result if there is no sink. Throws ChannelsExhausted
// (nothing has been sent then) if the server refuses a channel for `patience`.
CommandResult run_command(Session& session, const Command& command, const ByteSource& input,
                          const ByteSink& output, const Killer& kill, std::chrono::milliseconds patience);

// A line for the login shell, without input, its output dropped. Throws as run_command does.
void run_line(Session& session, const std::string& line, std::chrono::milliseconds patience);

// The text without what stands before the marker's line.
std::string after_marker(const std::string& text, const std::string& marker);

}  // namespace catena::ssh
