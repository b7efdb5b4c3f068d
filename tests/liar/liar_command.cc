// What stands on PATH as sbatch, squeue, sacct, scancel and scontrol: hands its words to the liar
// (slurm_liar.h) that listens on $CATENA_LIAR, and does as the answer says. Compiled, since a run of hundreds
// of seeds starts it ten thousand times.
//
// Request: the number of words, each word, all ended by NUL, then standard input. Answer: "STATUS
// MILLISECONDS BYTES\n", then that many bytes of standard output, the rest is standard error. The command
// waits before it prints: the liar itself never sleeps.
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <iterator>
#include <sstream>
#include <string>
#include <thread>

namespace {

constexpr int broken = 99;  // no exit status of any scheduler's command: a fault of the test

std::string all_of(int descriptor) {
  std::string text;
  char buffer[16384];
  for (ssize_t n; (n = read(descriptor, buffer, sizeof buffer)) > 0;)
    text.append(buffer, static_cast<std::size_t>(n));
  return text;
}

bool send_all(int descriptor, const std::string& text) {
  for (std::size_t at = 0; at < text.size();) {
    const auto n = write(descriptor, text.data() + at, text.size() - at);
    if (n <= 0) return false;
    at += static_cast<std::size_t>(n);
  }
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  const char* where = std::getenv("CATENA_LIAR");
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (!where || std::strlen(where) >= sizeof address.sun_path) return broken;
  std::strcpy(address.sun_path, where);

  std::string request = std::to_string(argc) + '\0';
  request += std::filesystem::path(argv[0]).filename().string() + '\0';
  for (int i = 1; i < argc; ++i) request += std::string(argv[i]) + '\0';
  if (request.find("sbatch") != std::string::npos) request += all_of(STDIN_FILENO);

  const int connection = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (connect(connection, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) return broken;
  if (!send_all(connection, request)) return broken;
  shutdown(connection, SHUT_WR);
  std::istringstream answer(all_of(connection));
  int status = broken;
  long milliseconds = 0;
  std::size_t bytes = 0;
  if (!(answer >> status >> milliseconds >> bytes)) return broken;
  answer.get();
  std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds));
  const std::string text(std::istreambuf_iterator<char>(answer), {});
  send_all(STDOUT_FILENO, text.substr(0, bytes));
  send_all(STDERR_FILENO, text.substr(bytes));
  return status;
}
